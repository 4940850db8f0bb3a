import type { JsonObject } from "./json.ts";

/** What an event can carry beside its payload. It belongs to its content: a retry has to repeat it. */
export interface Annotations {
  /** Which part of the project it is about, as its users have named it. */
  readonly label?: string | undefined;
  /** The user that the submitter says it acts for. */
  readonly userId?: string | undefined;
  /** What else its client notes, as when it was made there. */
  readonly meta?: JsonObject | undefined;
}

/** The annotations of an event or a draft; undefined: it has none. */
export function annotationsOf({ label, userId, meta }: Annotations): Annotations | undefined {
  if (label === undefined && userId === undefined && meta === undefined) return undefined;
  return {
    ...(label === undefined ? {} : { label }),
    ...(userId === undefined ? {} : { userId }),
    ...(meta === undefined ? {} : { meta }),
  };
}
