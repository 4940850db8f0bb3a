import type { AnyModel } from "../../model/index.ts";
import type { Timing } from "../transport/timing.ts";
import type { Identity } from "./identity.ts";
import type { Presence, PresenceEvents } from "./presence.ts";

/** Gives a valid token. */
export type Token = () => string | Promise<string>;

/** How to reach the partition, and as which client. */
export interface EngineOptions {
  /** `ws:` or `wss:`. */
  url: string;
  partition: string;
  clientId: string;
  model: Pick<AnyModel, "name" | "version" | "initialState">;
  /** Called for each attempt. */
  token: Token | undefined;
  /** Whose drafts are sent; undefined: nobody is verified, as in open development mode. */
  identity: Identity | undefined;
  /** Makes the presence of the client; undefined: it has none. */
  presence: ((events: PresenceEvents) => Presence) | undefined;
  timing: Timing;
}
