import { type Failure, bounds } from "../../protocol/index.ts";
import type { Peer } from "../replies.ts";
import type { Ports } from "../ports.ts";
import { notConnected, type Session } from "./session.ts";

/**
 * What connections show of themselves: cursors, selections. It is told to all who asked for it, and
 * lives as long as its connection: in memory and, over hibernation, in the socket's attachment.
 * It waits for no window and writes nothing.
 *
 * Changes are told at most once in `bounds.presenceIntervalMs`, the last state of each peer. After
 * quiet the first one is told at once: mostly it is alone, and then it needs no timer, which would
 * keep the object from hibernating.
 */
export class Presence {
  readonly #sessions: Iterable<Session>;
  readonly #defer: Ports["defer"];
  /** The connections that show something. */
  readonly #shown = new Set<Session>();
  /** What is to be told: who shows something else than before, or nothing any more, and who is gone. */
  readonly #changed = new Set<Session>();
  readonly #gone = new Set<string>();
  #timer = false;
  #toldAt = 0;

  /** `sessions`: all connections, as they are whenever something is told. */
  constructor(sessions: Iterable<Session>, defer: Ports["defer"]) {
    this.#sessions = sessions;
    this.#defer = defer;
  }

  /** Everybody who shows something. */
  get peers(): readonly Peer[] {
    return [...this.#shown].map(peerOf);
  }

  /** Takes up again what a woken connection has shown. */
  resume(session: Session): void {
    if (session.state.presence !== undefined) this.#shown.add(session);
  }

  /** Takes what a connection shows, as JSON text, or undefined for nothing. Returns why not, if so. */
  show(session: Session, state: string | undefined, now: number): Failure | undefined {
    const { client, presence } = session.state;
    if (!client) return notConnected;
    if (client.peerId === undefined) return notAsked;
    if (state === presence) return undefined;
    // Beyond the bound nobody is told of: the place of one who goes is the next one's who shows something.
    if (presence === undefined && this.#shown.size >= bounds.peersMax) return undefined;
    session.update({ presence: state });
    if (state === undefined) this.#shown.delete(session);
    else this.#shown.add(session);
    this.#changed.add(session);
    // A clock that was set back must not keep anybody waiting.
    const quietMs = Math.abs(now - this.#toldAt);
    if (quietMs < bounds.presenceIntervalMs) this.#tellLater(bounds.presenceIntervalMs - quietMs);
    else if (!this.#timer) this.#tell(now);
    return undefined;
  }

  /** Tells, with the next timer, that a connection is gone. Never at once: this may be amid telling. */
  leave(session: Session): void {
    const wasShown = this.#shown.delete(session);
    const wasChanged = this.#changed.delete(session);
    if (!wasShown && !wasChanged) return;
    this.#gone.add(session.state.client!.peerId!);
    this.#tellLater(bounds.presenceIntervalMs);
  }

  #tellLater(delayMs: number): void {
    if (this.#timer) return;
    this.#timer = true;
    this.#defer((now) => {
      this.#timer = false;
      this.#tell(now);
    }, delayMs);
  }

  #tell(now: number): void {
    const changed = [...this.#changed];
    const shown = changed.filter(({ state }) => state.presence !== undefined);
    const withdrawn = changed.filter(({ state }) => state.presence === undefined);
    const gone = [...this.#gone, ...withdrawn.map(({ state }) => state.client!.peerId!)];
    this.#changed.clear();
    this.#gone.clear();
    this.#toldAt = now;
    for (const session of changed) session.keep();
    // One effect for all, so that it is serialised once: a peer's own state is in it, too.
    const effect = { kind: "presence", now, all: false, peers: shown.map(peerOf), gone } as const;
    for (const session of this.#sessions) {
      const onlyItsOwn = changed.length === 1 && changed[0] === session && gone.length === 0;
      if (session.state.client?.peerId !== undefined && !onlyItsOwn) session.tell(effect);
    }
  }
}

/** A connection that shows something, as others are told of it. Who it is beyond its client id is nobody's business. */
function peerOf({ state }: Session): Peer {
  const { peerId, clientId } = state.client!;
  return { peerId: peerId!, clientId, state: state.presence! };
}

const notAsked: Failure = {
  code: "bad_request",
  detail: "Presence is for connections that asked for it: send connect with presence: true.",
};
