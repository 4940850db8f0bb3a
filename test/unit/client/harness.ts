// Loaded before the first client needs it: tests count turns.
import "../../../src/client/api/base-keeper.ts";
import "../../../src/client/api/rarely.ts";
import "../../../src/client/api/merging.ts";
import "../../../src/client/stores/resilient.ts";
import "../../../src/client/sync/rarely.ts";
import "../../../src/client/sync/presence.ts";
import "../../../src/client/sync/tokens.ts";
import { loadUndo } from "../../../src/client/api/undoing.ts";
import { Client, type ClientParts } from "../../../src/client/api/client.ts";
import type { Ports, Reachability, SocketEvents } from "../../../src/client/transport/ports.ts";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import { defaultTiming } from "../../../src/client/transport/timing.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import type { JsonObject, WireEvent } from "../../../src/protocol/index.ts";

await loadUndo();

/** Waits until all promises that can resolve have resolved. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A message that the client has sent. */
export interface Sent {
  id: string;
  type: string;
  payload: any;
}

/** One connection attempt, with the test as its server. */
export class FakeSocket {
  readonly url: string;
  readonly sent: Sent[] = [];
  /** How many messages each frame has. */
  readonly frames: number[] = [];
  /** Frames without an envelope, such as the constant heartbeat. */
  readonly bare: string[] = [];
  closed = false;
  readonly #events: SocketEvents;

  readonly protocols: readonly string[];
  readonly #now: () => number;

  constructor(url: string, events: SocketEvents, protocols: readonly string[], now = () => 1) {
    this.#now = now;
    this.url = url;
    this.protocols = protocols;
    this.#events = events;
  }

  send(text: string): void {
    const messages = [JSON.parse(text) as Sent | Sent[]].flat();
    if (messages[0]!.id === undefined) this.bare.push(text);
    else {
      this.sent.push(...messages);
      this.frames.push(messages.length);
    }
  }

  close(): void {
    this.closed = true;
  }

  open(): void {
    this.#events.opened();
  }

  frame(text: unknown): void {
    this.#events.received(text);
  }

  /** Sends messages in one frame. */
  say(...messages: { type: string; payload: object; inReplyTo?: string | undefined }[]): void {
    const sent = messages.map((message) => Object.assign({ id: "s", timestamp: this.#now() }, message));
    this.frame(JSON.stringify(sent.length === 1 ? sent[0] : sent));
  }

  end(code = 1006): void {
    this.#events.closed(code, "");
  }

  of(type: string): Sent[] {
    return this.sent.filter((message) => message.type === type);
  }

  /** Answers `connect`: with the state if the client asked for it, or else with an empty page. */
  accept({
    head = 0,
    state = {} as object,
    serverId = "log-1",
    limits = {} as object,
    more = {} as object,
  } = {}): void {
    this.open();
    const connect = this.of("connect")[0]!;
    const asked = connect.payload.initialState === true;
    const connected = {
      type: "connected",
      inReplyTo: connect.id,
      payload: {
        serverId,
        currentEventIndex: head,
        ...(asked ? { initialState: state, sinceSnapshot: 0 } : {}),
        limits: { inFlightMax: 1024, ...limits },
        ...more,
      },
    };
    if (asked) this.say(connected);
    else this.say(connected, this.page(connect.id, [], head));
  }

  page(inReplyTo: string, events: object[], currentEventIndex: number, hasMore = false) {
    const last = (events.at(-1) as { eventId?: number } | undefined)?.eventId;
    return {
      type: "sync_response",
      inReplyTo,
      payload: { events, currentEventIndex, hasMore, nextSinceEventId: last ?? currentEventIndex },
    };
  }
}

/** A clock, randomness and a network that the test controls. */
export class FakeWorld {
  now = 1_700_000_000_000;
  random = 0.5;
  /** The server's clock. */
  serverNow: () => number = () => 1;
  readonly sockets: FakeSocket[] = [];
  reachability: Reachability | undefined;
  #ids = 0;
  #timers: { at: number; run: () => void }[] = [];

  readonly ports: Ports = {
    now: () => this.now,
    after: (ms, run) => {
      const timer = { at: this.now + ms, run };
      this.#timers.push(timer);
      return () => (this.#timers = this.#timers.filter((other) => other !== timer));
    },
    defer: (run) => queueMicrotask(run),
    random: () => this.random,
    bytes: (count) => {
      const id = ++this.#ids;
      return Uint8Array.from({ length: count }, (_, at) => Math.floor(id / 256 ** (count - 1 - at)) % 256);
    },
    open: (url, events, protocols) => {
      const socket = new FakeSocket(url, events, protocols, () => this.serverNow());
      this.sockets.push(socket);
      return socket;
    },
    watch: (reachability) => {
      this.reachability = reachability;
      return () => (this.reachability = undefined);
    },
    sha256: (text) => Promise.resolve(`sha(${text})`),
  };

  get timers(): number {
    return this.#timers.length;
  }

  /** The newest connection attempt. */
  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  /** Advances the clock, and runs the timers that are due. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const next = this.#timers.toSorted((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.now = Math.max(this.now, next.at);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.run();
    }
    this.now = end;
    await settle();
  }

  client(parts: Partial<ClientParts> = {}) {
    return new Client<any, any>({
      model: insieme,
      partition: "room",
      clientId: "me",
      identity: { tenant: "default", principal: "ada" },
      host: "server",
      store: memoryStore(),
      ports: this.ports,
      timing: defaultTiming,
      engine: { url: "ws://server/v1/partitions/room/ws", token: undefined, presence: false },
      ...parts,
    });
  }

  /** A client that is online; by default the partition is empty. */
  async online(parts: Parameters<FakeWorld["client"]>[0] = {}, accept: Parameters<FakeSocket["accept"]>[0] = {}) {
    const client = this.client(parts);
    await settle();
    this.socket.accept(accept);
    await settle();
    return client;
  }
}

/** An event of the log. */
export function event(
  eventId: number,
  type: string,
  payload: JsonObject,
  clientId = "other",
): { eventId: number; event: WireEvent } {
  return {
    eventId,
    event: { type, payload, partition: "room", id: `evt-${eventId}`, timestamp: 1_700_000_000_000 + eventId, clientId },
  };
}

export const broadcast = (eventId: number, type: string, payload: JsonObject) => ({
  type: "broadcast",
  payload: event(eventId, type, payload),
});

/** The acceptance of a draft that the client has sent. */
export const accepted = (sent: Sent, eventId: number) => ({
  type: "event_accepted",
  payload: {
    draftId: sent.payload.draftId,
    ...event(eventId, sent.payload.event.type, sent.payload.event.payload, "me"),
  },
});

export const rejected = (sent: Sent, code = "validation_failed") => ({
  type: "event_rejected",
  payload: {
    draftId: sent.payload.draftId,
    reason: code,
    errors: [],
    code,
    status: 422,
    detail: "no",
    retryable: false,
  },
});

export const refused = (sent: Sent, code: string, more: object = {}) => ({
  type: "error",
  inReplyTo: sent.id,
  payload: { message: "no", code, detail: "no", draftId: sent.payload.draftId ?? sent.payload.batchId, ...more },
});
