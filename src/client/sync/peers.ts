import type { Peer } from "./feed.ts";
import type { MessageOf } from "./messages.ts";

/** The peers of one connection, without the connection itself. */
export class Peers {
  readonly #report: (peers: readonly Peer[]) => void;
  #peers = new Map<string, Peer>();
  /** The id of this connection among the peers. */
  ownId: string | undefined;

  constructor(report: (peers: readonly Peer[]) => void) {
    this.#report = report;
  }

  update({ peers, gone, all }: MessageOf<"presence">["payload"]): void {
    const present = all ? new Map<string, Peer>() : new Map(this.#peers);
    for (const peerId of gone ?? []) present.delete(peerId);
    for (const peer of peers) if (peer.peerId !== this.ownId) present.set(peer.peerId, peer);
    this.#replace(present);
  }

  clear(): void {
    this.#replace(new Map());
  }

  #replace(present: Map<string, Peer>): void {
    if (present.size === 0 && this.#peers.size === 0) return;
    this.#peers = present;
    this.#report([...present.values()]);
  }
}
