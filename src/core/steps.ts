/**
 * What is done in several turns: it yields after each step, with the work of that step in the units of `State.work`,
 * and may go on in another turn. In between the partition goes on, so it holds nothing that an event changes.
 */
export type Steps<T> = Generator<number, T, void>;

/** Does all steps at once. */
export function complete<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
