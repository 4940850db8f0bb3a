import type { Author } from "./author.ts";

/** What the server itself does things as: effects of another partition, timers, sagas, jobs, and code of the deployment. */
export type SystemKind = (typeof systemKinds)[number];

export const systemKinds = ["partition", "timer", "saga", "job", "server"] as const;

/**
 * What the keys belong to that the clients of the Insieme wire choose: one scope for all of a partition. They never meet
 * the keys of a principal.
 */
export const insiemeScope = "insieme:";

/** What the keys of imported events belong to that have no ids of their own. */
export const importScope = "import:";

/** Those of which all share a rate and a quota of rejections, and do not have one each. */
const sharing = /^(timer|saga|job):/;
const reserved = /^(dev|server|insieme|import|partition|timer|saga|job):/;

/** Whether no token may have this subject: it is reserved for open development mode, for keys that several share, or for the server itself. */
export function isReserved(principal: string): boolean {
  return reserved.test(principal);
}

/** Whose rate and whose quota of rejections it uses: all timers have one, and so have all sagas and all jobs. */
export function accountOf({ principal, system }: Author): string {
  return (system && sharing.exec(principal)?.[0]) || principal;
}

/** Whether it is code of the deployment, which events cause as little as those of clients: it submits no internal types. */
export function isServerCode({ principal, system }: Author): boolean {
  return system === true && principal.startsWith("server:");
}

/** The server itself as an author: the principal `<kind>:<name>`. All but `server` may submit internal types. */
export function systemAuthor(kind: SystemKind, name: string): Author {
  return { principal: `${kind}:${name}`, permissions: "all", system: true };
}
