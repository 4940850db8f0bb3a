import { type Failure, bounds, type Limits } from "../../protocol/index.ts";
import type { Authors } from "../authors.ts";
import type { Peer } from "../replies.ts";
import type { Ports } from "../ports.ts";
import { notConnected, type Session } from "./session.ts";

/**
 * What connections show of themselves: cursors, selections. It is sent to all who asked for it, and
 * lives as long as its connection: in memory and, over hibernation, in the socket's attachment.
 * It waits for no window and writes nothing.
 *
 * Changes are sent at most once in `bounds.presenceIntervalMs`, the last state of each peer. After
 * quiet the first one is sent at once: mostly there is only one, and then it needs no timer, which would
 * keep the object from hibernating.
 */
export class Presence {
  readonly #sessions = new Set<Session>();
  readonly #defer: Ports["defer"];
  readonly #limits: () => Limits;
  readonly #authors: Authors;
  /** The connections that show something. */
  readonly #published = new Set<Session>();
  /** What has to be sent: the connections whose state has changed, or was withdrawn, and those that are gone. */
  readonly #changed = new Set<Session>();
  readonly #gone = new Set<string>();
  /** The connections of which a later one of the same client has taken the place. */
  readonly #replaced = new Set<Session>();
  #timer = false;
  #sentAt = 0;

  constructor(defer: Ports["defer"], limits: () => Limits, authors: Authors) {
    this.#defer = defer;
    this.#limits = limits;
    this.#authors = authors;
  }

  /** All connections that show something. */
  get peers(): readonly Peer[] {
    return [...this.#published].map((session) => this.#peerOf(session));
  }

  /** Adds a connection: new, or woken from hibernation with what it has shown. */
  join(session: Session): void {
    this.#sessions.add(session);
    if (session.state.presence !== undefined) this.#published.add(session);
  }

  /** Updates the presence of a connection: JSON text, or undefined for none. Returns why it is refused, or undefined. */
  show(session: Session, state: string | undefined, now: number): Failure | undefined {
    const { client, presence } = session.state;
    if (!client) return notConnected;
    if (client.peerId === undefined) return notAsked;
    if (state === presence) return undefined;
    // Beyond the bound nothing is shown: the place of a peer that leaves goes to the next one that shows something.
    if (state !== undefined && !this.#published.has(session) && this.#isFull(session))
      return client.presenceRefusals ? noPlace : undefined;
    session.update({ presence: state });
    // It lives, and shows something else than what was replaced.
    this.#replaced.delete(session);
    if (state === undefined) this.#published.delete(session);
    else this.#published.add(session);
    this.#changed.add(session);
    // A clock that was set back must not delay the next change.
    const quietMs = Math.abs(now - this.#sentAt);
    if (quietMs < bounds.presenceIntervalMs) this.#sendLater(bounds.presenceIntervalMs - quietMs);
    else if (!this.#timer) this.#send(now);
    return undefined;
  }

  /**
   * Shows nothing of a peer any more: a later connection of its principal takes its place. Its own connection is probably
   * lost, and may live for minutes. Its state is removed later: this is called while a window may still be rolled back.
   */
  replace(peerId: string, principal: string): void {
    for (const session of this.#published) {
      if (session.state.client!.peerId !== peerId || session.author?.principal !== principal) continue;
      this.#published.delete(session);
      this.#replaced.add(session);
      this.#sendLater(bounds.presenceIntervalMs);
    }
  }

  /** Removes a connection, and sends with the next timer that it is gone. Never at once: this may be called during a delivery. */
  leave(session: Session): void {
    this.#sessions.delete(session);
    const wasPublished = this.#published.delete(session) || this.#replaced.delete(session);
    const wasChanged = this.#changed.delete(session);
    if (!wasPublished && !wasChanged) return;
    this.#gone.add(session.state.client!.peerId!);
    this.#sendLater(bounds.presenceIntervalMs);
  }

  /** Whether there is no place for another peer, or no other one for its principal. */
  #isFull({ author }: Session): boolean {
    if (this.#published.size >= bounds.peersMax) return true;
    if (this.#limits().connectionsPerPrincipal === null) return false;
    const own = [...this.#published].filter((peer) => peer.author?.principal === author?.principal).length;
    return own >= bounds.peersPerPrincipalMax;
  }

  /** A connection that shows something, as others see it. */
  #peerOf({ state }: Session): Peer {
    const { peerId, clientId } = state.client!;
    const author = this.#authors.of(state.author!.principal);
    return { peerId: peerId!, clientId: this.#authors.clientIdOf(clientId), author, state: state.presence! };
  }

  #sendLater(delayMs: number): void {
    if (this.#timer) return;
    this.#timer = true;
    this.#defer((now) => {
      this.#timer = false;
      this.#send(now);
    }, delayMs);
  }

  #send(now: number): void {
    for (const session of this.#replaced) {
      session.update({ presence: undefined });
      this.#changed.add(session);
    }
    this.#replaced.clear();
    const changed = [...this.#changed];
    const shown = changed.filter(({ state }) => state.presence !== undefined);
    const withdrawn = changed.filter(({ state }) => state.presence === undefined);
    const gone = [...this.#gone, ...withdrawn.map(({ state }) => state.client!.peerId!)];
    this.#changed.clear();
    this.#gone.clear();
    this.#sentAt = now;
    for (const session of changed) session.keep();
    // One reply for all, so that it is serialised once: a peer's own state is in it, too.
    const reply = {
      kind: "presence",
      now,
      all: false,
      peers: shown.map((session) => this.#peerOf(session)),
      gone,
    } as const;
    for (const session of this.#sessions) {
      const onlyItsOwn = changed.length === 1 && changed[0] === session && gone.length === 0;
      if (session.state.client?.peerId !== undefined && !onlyItsOwn) session.send(reply);
    }
  }
}

const noPlace: Failure = {
  code: "too_many_peers",
  detail: "All places for presence are taken: others do not see this one.",
  retryAfter: 30,
};

const notAsked: Failure = {
  code: "bad_request",
  detail: "Presence is for connections that asked for it: send connect with presence: true.",
};
