import type { SessionState } from "../../core/index.ts";
import { isJsonObject, type Json } from "../../protocol/index.ts";

/** The options of `connect` that concern only the form of answers. They are stored with the session. */
export interface Options {
  /** One frame may hold an array of messages. */
  arrays: boolean;
  /** `connected` contains the limits. */
  limits: boolean;
  /** `connected` contains the expiry of the token. */
  renewal: boolean;
  /** `connected` contains the principal and its tenant. */
  principal: boolean;
  /** Events have their authors, and `connected` its own. */
  authors: boolean;
  /** Events have their annotations. */
  annotations: boolean;
  /** What brings events has the proof of the last one. */
  proofs: boolean;
}

/** The options as they are stored; undefined: none. */
export function storedOptions(options: Options): Json | undefined {
  const set = Object.entries(options).filter(([, value]) => value === true);
  return set.length === 0 ? undefined : Object.fromEntries(set);
}

const none: Partial<Options> = {};

/** The options that are set: each is true, or not there. */
export function optionsOf(kept: Json | undefined): Partial<Options> {
  return isJsonObject(kept) ? (kept as Partial<Options>) : none;
}

/** A session as earlier versions stored it in a socket's attachment: with `arrays` in the client. */
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
