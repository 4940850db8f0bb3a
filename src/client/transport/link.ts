import { draftBounds, isJsonObject, type JsonObject, type ServerMessage, utf8Length } from "../../protocol/index.ts";
import type { Ports, Socket } from "./ports.ts";
import type { Timing } from "./timing.ts";

/** A hibernating partition answers this frame without waking up (docs/PROTOCOL.md, 3.4). */
const heartbeat = '{"type":"heartbeat"}';
/** How long the answer to a probe may take: with the second that it takes to see a wake-up, what is stale is known as that within 5 s. */
const probeMs = 3_500;

/** The events of a link. */
export interface LinkEvents {
  opened(): void;
  /** The messages of a frame, in order, and the length of the frame in UTF-16 units. */
  received(messages: readonly ServerMessage[], length: number): void;
  /** The link has ended; called once, and not after `end`. `late`: because something did not come in time. */
  lost(why: "connection_lost" | "protocol_error", late: boolean): void;
  /** A multiple for the time that the answer to a heartbeat may take: a message before it may be large. */
  patience(): number;
}

/**
 * One socket: converts frames to messages and back, and detects a server that does not answer. A frame
 * that is not valid ends the link, because later frames cannot be trusted.
 */
export class Link {
  readonly #ports: Ports;
  readonly #timing: Timing;
  readonly #events: LinkEvents;
  readonly #socket: Socket;
  readonly #timers = new Map<string, () => void>();
  #requests = 0;
  /** What waits for the end of `together`. */
  #together: string[] | undefined;
  #open = false;
  #over = false;

  /** The token is sent as a subprotocol: a page in a browser cannot set headers of an upgrade, and addresses are logged. */
  constructor(url: string, token: string | undefined, ports: Ports, timing: Timing, events: LinkEvents) {
    this.#ports = ports;
    this.#timing = timing;
    this.#events = events;
    this.expect("connect", timing.connectMs);
    const protocols = token === undefined ? [] : ["partita", `bearer.${token}`];
    const socketEvents = {
      opened: () => {
        if (this.#over) return;
        this.#open = true;
        this.#listen();
        events.opened();
      },
      received: (frame: unknown) => this.#received(frame),
      closed: () => this.#lose("connection_lost"),
    };
    this.#socket = ports.open(url, socketEvents, protocols);
  }

  /** Sends a message, and returns its id. */
  send(type: string, payload: JsonObject): string {
    const id = `c${++this.#requests}`;
    const text = messageText(id, type, this.#ports.now(), payload);
    if (this.#together) this.#together.push(text);
    else if (this.#open && !this.#over) this.#socket.send(text);
    return id;
  }

  /** Sends the messages that `run` sends in as few frames as possible, each of at most `most` messages. */
  together(most: number, run: () => void): void {
    const texts: string[] = (this.#together = []);
    run();
    this.#together = undefined;
    if (!this.#open || this.#over) return;
    for (let from = 0, to = 0; from < texts.length; from = to) {
      let bytes = 2;
      do bytes += utf8Length(texts[to++]!) + 1;
      while (to < texts.length && to - from < most && bytes + utf8Length(texts[to]!) < draftBounds.frameBytesMax);
      const frame = texts.slice(from, to).join();
      this.#socket.send(to - from > 1 ? `[${frame}]` : frame);
    }
  }

  /** Loses the link unless `met` is called for `what` within `ms`. */
  expect(what: string, ms: number): void {
    this.wait(what, ms, () => this.#lose("connection_lost", true));
  }

  /** Calls `late` in `ms`, unless `met` is called for `what` before, or the link ends. */
  wait(what: string, ms: number, late: () => void): void {
    this.met(what);
    this.#timers.set(what, this.#ports.after(ms, late));
  }

  met(what: string): void {
    this.#timers.get(what)?.();
    this.#timers.delete(what);
  }

  /** Loses the link soon if the server does not answer. */
  probe(): void {
    if (this.#open && !this.#over && !this.#timers.has("probe")) this.#beat("probe", probeMs);
  }

  /** Closes the socket. No event follows. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#socket.close();
  }

  #listen(): void {
    this.met("heartbeat");
    this.met("probe");
    this.wait("silence", this.#timing.heartbeatMs, () => this.#beat("heartbeat", this.#timing.heartbeatAnswerMs));
  }

  #beat(answer: string, ms: number): void {
    this.#socket.send(heartbeat);
    this.expect(answer, ms * this.#events.patience());
  }

  #received(frame: unknown): void {
    if (this.#over) return;
    this.#listen();
    if (frame === heartbeat) return;
    try {
      this.#events.received(messagesOf(frame as string), (frame as string).length);
    } catch {
      this.#lose("protocol_error");
    }
  }

  #lose(why: "connection_lost" | "protocol_error", late = false): void {
    if (this.#over) return;
    this.end();
    this.#events.lost(why, late);
  }
}

/** The text of a message. `timestamp`: milliseconds since 1970. */
export function messageText(id: string, type: string, timestamp: number, payload: JsonObject): string {
  return JSON.stringify({ id, type, timestamp, payload });
}

/** Throws if the frame is something else. What is not text is not JSON either. */
function messagesOf(frame: string): ServerMessage[] {
  const list = [JSON.parse(frame) as unknown].flat();
  if (list.every(isMessage)) return list;
  throw new TypeError();
}

function isMessage(value: unknown): value is ServerMessage {
  return isJsonObject(value) && typeof value["type"] === "string" && isJsonObject(value["payload"]);
}
