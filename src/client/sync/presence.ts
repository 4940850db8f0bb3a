import type { JsonObject } from "../../protocol/index.ts";
import type { Ports } from "../transport/ports.ts";
import type { Peer } from "./feed.ts";
import type { MessageOf } from "./messages.ts";

/** The shortest interval between two states that are sent. The last state is always sent. */
const intervalMs = 50;

/** What a presence calls. */
export interface PresenceEvents {
  send(state: JsonObject | null): void;
  /** The peers have changed. */
  report(peers: readonly Peer[]): void;
}

// It must not import modules of the main bundle: bundlers would move those into a third file.
/** The presence of this client: the first state is sent at once, later ones at most once per interval. And those of its peers. */
export class Presence {
  /** What others know the last connection by: the next one takes its place. */
  peerId: string | undefined;
  readonly #ports: Pick<Ports, "after">;
  readonly #events: PresenceEvents;
  #state: JsonObject | null = null;
  #changed = false;
  #online = false;
  #cancel: (() => void) | undefined;
  #peers = new Map<string, Peer>();

  constructor(ports: Pick<Ports, "after">, events: PresenceEvents) {
    this.#ports = ports;
    this.#events = events;
  }

  show(state: JsonObject | null): void {
    this.#state = state;
    this.#changed = true;
    this.#flush();
  }

  /** A new connection is online: nothing was sent on it yet. */
  begin(): void {
    this.#online = true;
    this.#changed ||= this.#state !== null;
    this.#flush();
  }

  /** The server did not show the state: sends it again in `ms`, unless it is on its way. */
  again(ms: number): void {
    this.#changed = true;
    this.#cancel?.();
    this.#wait(ms);
  }

  /** The connection has ended. */
  stop(): void {
    this.#online = false;
    this.#changed = this.#state !== null;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#replace(new Map());
  }

  /** The server has reported peers. */
  update({ peers, gone, all }: MessageOf<"presence">["payload"]): void {
    const present = all ? new Map<string, Peer>() : new Map(this.#peers);
    for (const peerId of gone ?? []) present.delete(peerId);
    for (const peer of peers) if (peer.peerId !== this.peerId) present.set(peer.peerId, peer);
    this.#replace(present);
  }

  #replace(present: Map<string, Peer>): void {
    if (present.size === 0 && this.#peers.size === 0) return;
    this.#peers = present;
    this.#events.report([...present.values()]);
  }

  #flush(): void {
    if (!this.#changed || !this.#online || this.#cancel) return;
    this.#changed = false;
    this.#events.send(this.#state);
    this.#wait(intervalMs);
  }

  #wait(ms: number): void {
    this.#cancel = this.#ports.after(ms, () => {
      this.#cancel = undefined;
      this.#flush();
    });
  }
}
