import type { SessionState } from "../../core/index.ts";
import { isJsonObject, type Json, type JsonObject } from "../../protocol/index.ts";

/** What `connect` asked for that concerns the form of answers only. It is kept with the session. */
export interface Options {
  /** One frame may hold an array of messages. */
  arrays: boolean;
  /** `connected` says the limits. */
  limits: boolean;
  /** `connected` says when the token expires. */
  renewal: boolean;
}

/** The options as they are kept; undefined: none. */
export function keptOptions({ arrays, limits, renewal }: Options): Json | undefined {
  if (!arrays && !limits && !renewal) return undefined;
  const kept: JsonObject = {};
  if (arrays) kept["arrays"] = true;
  if (limits) kept["limits"] = true;
  if (renewal) kept["renewal"] = true;
  return kept;
}

/** Whether an option was asked for. */
export function hasOption(kept: Json | undefined, option: keyof Options): boolean {
  return isJsonObject(kept) && kept[option] === true;
}

/** A session as earlier versions kept it in a socket's attachment: `arrays` among what the core knows of the client. */
interface EarlierSession extends Omit<SessionState, "client" | "wire"> {
  client: (NonNullable<SessionState["client"]> & { arrays: boolean }) | undefined;
}

/** The state of a session from an attachment of this version or an earlier one. */
export function restoredSession(kept: SessionState | EarlierSession): SessionState {
  if ("wire" in kept) return kept;
  if (!kept.client) return { ...kept, client: undefined, wire: undefined };
  const { arrays, ...client } = kept.client;
  return { ...kept, client, wire: arrays ? { arrays } : undefined };
}
