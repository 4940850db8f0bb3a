/** Seeds that once found something, by the name of what it was. They run first, for good. */
export const regressions: readonly { seed: number; steps: number; name: string }[] = [];
