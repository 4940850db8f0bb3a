// Loaded only where WebSockets are blocked and streams do not work. It must not import modules of the main bundle: bundlers
// would move those into another file.
import type { Problem } from "../../protocol/index.ts";
import type { OpenByHttp } from "./http-socket.ts";
import type { Socket } from "./ports.ts";

/** The same as in link.ts. */
const heartbeat = '{"type":"heartbeat"}';
/** How many connections one request serves (docs/PROTOCOL.md, 11.12). */
const membersMax = 32;
/** How long a request waits for news: shorter than the silence after which a link sends a heartbeat, so that it needs none. */
const holdMsMax = 18_000;
/** The shortest time, for proxies that end requests early. */
const holdMsMin = 4_000;
/** How long an answer may take besides: a large one over a slow line. */
const answerMs = 20_000;
/** The pause before a request that failed is repeated once, and the longest one that a refusal can ask for. */
const repeatMs = 500;
const pauseMsMax = 5_000;
/** Frames of a connection, and of all, in one request, in UTF-16 units; one frame always fits. The server accepts a body of 1 MiB. */
const memberUnitsMax = 64 * 1024;
const requestUnitsMax = 256 * 1024;

type Events = Parameters<OpenByHttp>[1];

/** What polling needs of its platform. */
export interface PollingIo {
  fetch(address: string, init: RequestInit): Promise<Response>;
  after(ms: number, run: () => void): () => void;
}

interface Answer {
  connectionId?: string;
  from?: number;
  frames?: string[];
  end?: { code: number; reason: string };
  problem?: Problem;
}

/** One connection of a poller. */
class Member implements Socket {
  readonly partition: string;
  token: string | undefined;
  id: string | undefined;
  /** The next request has to ask for it at once. */
  due = false;
  /** The server asked to wait with it: no request has it until then. */
  paused = false;
  closed = false;
  /** The frames that the server does not have for certain, and how many it has. */
  #waiting: string[] = [];
  #before = 0;
  /** How many frames have arrived here. */
  #received = 0;
  readonly #events: Events;
  readonly #poller: Poller;
  /** Frames that have overtaken others: two requests can be answered at the same time. */
  readonly #ahead = new Map<number, string>();

  constructor(partition: string, token: string | undefined, events: Events, poller: Poller) {
    this.partition = partition;
    this.token = token;
    this.#events = events;
    this.#poller = poller;
  }

  send(text: string): void {
    // The answer to any request shows that the server is there; the one that waits may be lost.
    if (text === heartbeat) this.#poller.restart();
    else {
      if (text.includes('"renew"')) this.#renew(text);
      this.#waiting.push(text);
    }
    this.#poller.send(this);
  }

  close(): void {
    this.closed = true;
    if (this.id === undefined) this.#poller.remove(this);
    else this.#poller.send(this);
  }

  /** Takes the answer to a request with `sent` frames. Returns for how many milliseconds the server asks to wait. */
  take({ connectionId, from = 0, frames = [], end, problem }: Answer, sent: number): number {
    // A limit, or an object that has just restarted: perhaps the connection is still there.
    if (problem?.retryable && this.id !== undefined) {
      this.due ||= sent > 0;
      return (problem.retryAfter ?? 1) * 1_000;
    }
    this.#waiting.splice(0, sent);
    this.#before += sent;
    if (this.closed) this.#poller.remove(this);
    else if (problem) {
      // The server has forgotten the connection: the next one continues where it was.
      if (problem.code !== "not_found") this.#refuse(problem);
      this.lose(1006, problem.code);
    } else {
      if (this.id === undefined && connectionId !== undefined) {
        this.id = connectionId;
        this.#poller.restart();
        this.#events.opened();
      }
      frames.forEach((frame, at) => this.#ahead.set(from + at, frame));
      for (let next = this.#ahead.get(this.#received); next !== undefined; next = this.#ahead.get(this.#received)) {
        this.#ahead.delete(this.#received++);
        if (!this.closed) this.#events.received(next);
      }
      // Two requests can be answered with the same frames.
      for (const at of this.#ahead.keys()) if (at < this.#received) this.#ahead.delete(at);
      if (end) this.lose(end.code, end.reason);
      else if (!this.closed) this.#events.received(heartbeat);
    }
    return 0;
  }

  /** Reports a refused connection as an `error` message, as the server does on a WebSocket. */
  #refuse(problem: Problem): void {
    // As for a stream: a WebSocket may be accepted at once.
    if (problem.code === "too_many_connections") delete problem.retryAfter;
    const payload = { message: problem.detail, ...problem };
    this.#events.refused(JSON.stringify({ id: "e", type: "error", timestamp: problem.timestamp, payload }));
  }

  lose(code: number, reason: string): void {
    this.#poller.remove(this);
    if (this.closed) return;
    this.closed = true;
    this.#events.closed(code, reason);
  }

  /** What a request has of it, with frames of at most `unitsMax`. */
  asked(unitsMax: number): { sent: number; units: number; body: object } {
    const most = Math.min(unitsMax, memberUnitsMax);
    let units = 0;
    let sent = 0;
    while (units < most && sent < this.#waiting.length) units += this.#waiting[sent++]!.length;
    const { partition, token, id: connectionId, closed } = this;
    const frames = this.#waiting.slice(0, sent);
    const body = { partition, token, connectionId, before: this.#before, frames, received: this.#received };
    return { sent, units, body: closed ? { ...body, end: true } : body };
  }

  /** Whether it has frames to send. */
  get hasFrames(): boolean {
    return this.#waiting.length > 0;
  }

  /** A renewed token is also the token of the requests, starting with the one that renews it. */
  #renew(text: string): void {
    const { type, payload } = JSON.parse(text) as { type?: string; payload?: { token?: string } };
    if (type === "renew") this.token = payload?.token;
  }
}

/** The reason to abort a request that waits: another one takes its place. */
const replaced = new Error("replaced");

/**
 * The connections of a page to one server. One request waits for news of all of them; another one, while there is
 * something to send, sends it and is answered at once. Each can be repeated, because frames are counted in both directions.
 */
class Poller {
  readonly #address: string;
  readonly #io: PollingIo;
  readonly #members = new Set<Member>();
  /** Ends the request that waits. */
  #holding: AbortController | undefined;
  #sending = false;
  #holdMs = holdMsMax;

  constructor(address: string, io: PollingIo) {
    this.#address = address;
    this.#io = io;
  }

  get isFull(): boolean {
    return this.#members.size >= membersMax;
  }

  open(partition: string, token: string | undefined, events: Events): Member {
    const member = new Member(partition, token, events, this);
    this.#members.add(member);
    this.send(member);
    return member;
  }

  remove(member: Member): void {
    this.#members.delete(member);
    if (this.#members.size === 0) this.restart();
  }

  /** Asks for this connection at once. What becomes due in one turn is one request. */
  send(member: Member): void {
    member.due = true;
    if (this.#sending) return;
    this.#sending = true;
    queueMicrotask(() => void this.#send());
  }

  /** The request that waits is replaced: it may be lost, or it does not know of a connection. */
  restart(): void {
    this.#holding?.abort(replaced);
    this.#holding = undefined;
    if (!this.#sending) void this.#hold();
  }

  async #send(): Promise<void> {
    let failures = 0;
    for (;;) {
      const due = [...this.#members].filter((member) => member.due && !member.paused);
      if (due.length === 0) break;
      for (const member of due) member.due = false;
      try {
        await this.#ask(due, 0, new AbortController());
        failures = 0;
      } catch (error) {
        for (const member of due) member.due = true;
        if (failures++ > 0) for (const member of this.#members) member.lose(1006, String(error));
        await new Promise<void>((resolve) => void this.#io.after(repeatMs, resolve));
      }
    }
    this.#sending = false;
    void this.#hold();
  }

  /** Waits for news, as long as there are connections. */
  async #hold(): Promise<void> {
    const open = [...this.#members].filter(({ id, closed, paused }) => id !== undefined && !closed && !paused);
    if (this.#holding || open.length === 0) return;
    const abort = (this.#holding = new AbortController());
    try {
      await this.#ask(open, this.#holdMs, abort);
    } catch {
      if (abort.signal.reason !== replaced) {
        // A proxy may end what takes longer. The next request shows whether the server is there.
        this.#holdMs = Math.max(this.#holdMs / 2, holdMsMin);
        for (const member of open) if (this.#members.has(member)) this.send(member);
      }
    }
    if (this.#holding !== abort) return;
    this.#holding = undefined;
    if (!this.#sending) void this.#hold();
  }

  /** Asks for these connections, and gives them their answers. */
  async #ask(members: readonly Member[], holdMs: number, abort: AbortController): Promise<void> {
    let room = requestUnitsMax;
    const asked = members.map((member) => {
      // Frames go with one request at a time.
      const one = member.asked(holdMs === 0 ? room : 0);
      room -= one.units;
      return one;
    });
    const cancel = this.#io.after(holdMs + answerMs, () => abort.abort(new Error("no answer")));
    try {
      const response = await this.#io.fetch(this.#address, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ connections: asked.map(({ body }) => body), holdMs }),
        signal: abort.signal,
      });
      const isJson = /^application\/(problem\+)?json/.test(response.headers.get("content-type") ?? "");
      if (!isJson) throw new Error(`answered ${response.status}`);
      const answer = (await response.json()) as { connections: Answer[] } | Problem;
      abort.signal.throwIfAborted();
      for (const [at, member] of members.entries()) {
        const own = "connections" in answer ? answer.connections[at]! : { problem: answer };
        const ms = member.take(own, asked[at]!.sent);
        if (holdMs === 0 && member.hasFrames) member.due = true;
        if (ms > 0) this.#pause(member, Math.min(ms, pauseMsMax));
      }
    } finally {
      cancel();
    }
  }

  /** Leaves one member out for a time: the others do not wait for it. */
  #pause(member: Member, ms: number): void {
    if (member.paused) return;
    member.paused = true;
    this.#io.after(ms, () => {
      member.paused = false;
      if (!this.#members.has(member)) return;
      if (member.due) this.send(member);
      else this.restart();
    });
  }
}

/** Opens connections that are polled. `url` is the address of the WebSocket. */
export function pollingBy(io: PollingIo): OpenByHttp {
  const pollers = new Map<string, Poller[]>();
  return (url, events, protocols) => {
    const [, origin, partition] = /^(.*)\/v1\/partitions\/([^/]+)\/ws/.exec(url.replace(/^ws/, "http"))!;
    const address = `${origin}/v1/poll`;
    const those = pollers.get(address) ?? [];
    pollers.set(address, those);
    let poller = those.find(({ isFull }) => !isFull);
    if (!poller) those.push((poller = new Poller(address, io)));
    const token = protocols.find((protocol) => protocol.startsWith("bearer."))?.slice("bearer.".length);
    return poller.open(decodeURIComponent(partition!), token, events);
  };
}

export const openByPolling = pollingBy({
  fetch: (address, init) => fetch(address, init),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
});
