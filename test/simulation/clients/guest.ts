import { createInMemoryClientStore, createSyncClient } from "insieme/client";
import type { JsonObject } from "../../../src/protocol/index.ts";
import type { Application } from "../drafts.ts";
import { partitionName } from "../host.ts";
import { Link, type NetworkConditions } from "../link.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";
import type { Trace } from "../trace.ts";

/** What a guest is made of. */
export interface GuestParts {
  readonly name: string;
  readonly application: Application;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly trace: Trace;
  readonly conditions: NetworkConditions;
  /** Connects. Calls `opened` where the server accepts that; the link ends where it does not. */
  connect(link: Link, opened: () => void): void;
  /** Changes a message before the client gets it, for a planted bug; undefined: it is lost. */
  tamper(message: Message): Message | undefined;
  /** Changes a frame before the server gets it, for a planted bug. */
  tamperAsked(frame: string): string;
}

/** A message of the wire "1.0". */
export interface Message {
  type: string;
  msgId?: string;
  payload: any;
}

type Outcome = "open" | "committed" | "rejected";

/** What its client tells its application, and then keeps it from working. */
const fatal = new Set([
  "bad_request",
  "protocolVersion_unsupported",
  "auth_failed",
  "forbidden",
  "client_runtime_error",
]);

/** What the `msgId` of a message begins with that its client knows nothing of. */
const copies = "copy-";
/** The ids of events that were submitted otherwise. */
const isName = /^evt-/;

/** A client of the package `insieme` with its store, whose application starts it again when its connection has ended. */
export class Guest {
  readonly name: string;
  /** What became of its drafts, in the order of submission. */
  readonly outcomes = new Map<string, Outcome>();
  readonly #parts: GuestParts;
  readonly #store = createInMemoryClientStore();
  /** Its content, without a promise. */
  readonly #inspected = this.#store["_debug"];
  #client: ReturnType<typeof createSyncClient> | undefined;
  #link: Link | undefined;
  #synced = false;
  #connections = 0;
  #messages = 0;
  readonly #limit: number;
  #ended = false;

  constructor(parts: GuestParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.#limit = parts.random.pick([1, 3, 10, 500]);
  }

  get settled(): boolean {
    return this.#synced && this.#inspected.getDrafts().length === 0;
  }

  /** Its copy of the log. */
  get committed() {
    return this.#inspected.getCommitted();
  }

  describe(): string {
    const drafts = this.#inspected.getDrafts().length;
    return `${this.name} is ${this.#synced ? "synced" : this.#link ? "connected" : "off"}, and has ${drafts} drafts`;
  }

  /** Does something at random. */
  act(): void {
    const { random } = this.#parts;
    if (!this.#link) {
      if (random.chance(0.4)) this.#start();
      if (this.#client && random.chance(0.3)) this.#submit(1);
      return;
    }
    switch (random.weighted({ submit: 8, batch: 2, copy: 1.5, sync: 0.5, stop: 0.4, crash: 0.4 })) {
      case "submit":
        this.#submit(1);
        return;
      case "batch":
        this.#submit(random.between(2, random.chance(0.1) ? 70 : 6));
        return;
      case "copy":
        this.#copy();
        return;
      case "sync":
        if (this.#client!.getStatus().connected) void this.#client!.syncNow().catch(() => {});
        return;
      case "stop":
        void this.#client!.stop();
        return;
      case "crash":
        this.#crash();
    }
  }

  /** Does only what is needed to settle. */
  settle(): void {
    if (!this.#link) this.#start();
  }

  cut(): void {
    this.#link?.cut();
  }

  end(): void {
    this.#ended = true;
    void this.#client?.stop();
  }

  #start(): void {
    const { random, schedule } = this.#parts;
    if (this.#client && random.chance(0.5)) {
      void this.#client.start().catch(() => {});
      return;
    }
    // The one before may have something to do still, which nobody hears of.
    const client = createSyncClient({
      transport: this.#transport(() => client === this.#client),
      store: this.#store as never,
      token: this.name,
      clientId: this.name,
      projectId: partitionName.partition,
      now: () => schedule.epochNow,
      uuid: () => random.hex(32),
      msgId: () => `${this.name}-${++this.#messages}`,
      onEvent: ({ type, payload }) => {
        if (client === this.#client) this.#hear(type, payload);
      },
    });
    this.#client = client;
    this.#parts.trace.line(`${schedule.now} ${this.name} starts`);
    void client.start().catch(() => {});
  }

  /** Its process ends: nothing of it happens any more, and its store is as it was. */
  #crash(): void {
    const { trace, schedule } = this.#parts;
    trace.line(`${schedule.now} ${this.name} crashes`);
    this.#client = undefined;
    this.#disconnect();
  }

  #disconnect(): void {
    this.#synced = false;
    this.#link?.closeFromClient();
    this.#link = undefined;
  }

  #submit(count: number): void {
    const { random, application, schedule } = this.#parts;
    const drafts = Array.from({ length: count }, () => {
      const { type, payload } = application.propose(random, 0).event;
      const id = `${this.name}.${String(this.outcomes.size).padStart(5, "0")}`;
      this.outcomes.set(id, "open");
      const partition = random.pick(["notes", "ü", "room:1"]);
      return { id, partition, type, schemaVersion: 1, payload: payload as JsonObject, clientTs: schedule.epochNow };
    });
    void this.#client!.submitEvents(drafts).catch(() => {});
  }

  /**
   * Submits an event that it has, perhaps of another guest, by a message that its client knows nothing of: without waiting
   * for an answer, as it is or with other content.
   */
  #copy(): void {
    const { random, schedule } = this.#parts;
    const events = this.committed.filter(({ id }) => !isName.test(id));
    if (!this.#client!.getStatus().connected || events.length === 0) return;
    const { id, partition, projectId, type, schemaVersion, payload, clientTs } = random.pick(events);
    const label = random.chance(0.5) ? partition : `${partition}!`;
    const event = {
      id,
      partition: label,
      projectId,
      type,
      schemaVersion,
      payload,
      meta: { clientId: this.name, clientTs },
    };
    const msgId = `${copies}${++this.#messages}`;
    const message = { type: "submit_events", protocolVersion: "1.0", timestamp: schedule.epochNow, msgId };
    this.#send(this.#link!, { ...message, payload: { events: [event] } });
  }

  #send(link: Link, message: Message): void {
    const frame = this.#parts.tamperAsked(JSON.stringify(message));
    link.fromClient({ id: message.msgId!, frame, kind: "nonsense" });
  }

  #hear(type: string, payload: Message["payload"]): void {
    const { trace } = this.#parts;
    if (type === "synced") this.#synced = true;
    if (type === "committed") this.#settled(payload.id, "committed");
    if (type === "rejected") this.#settled(payload.id, "rejected");
    // What it has synced may hold drafts of which it has not heard.
    if (type === "sync_page") {
      for (const { id } of payload.events) if (this.outcomes.has(id)) this.#settled(id, "committed");
    }
    if (type === "broadcast" && this.outcomes.has(payload.id)) this.#settled(payload.id, "committed");
    trace.check(type !== "error" || !fatal.has(payload.code), () => `${this.name}: ${JSON.stringify(payload)}`);
  }

  #settled(id: string, outcome: Outcome): void {
    const known = this.outcomes.get(id);
    this.#parts.trace.check(known !== undefined, () => `${this.name} hears of ${id}, which it has not submitted`);
    this.#parts.trace.check(known === "open" || known === outcome, () => `${id} is ${known}, and then ${outcome}`);
    this.outcomes.set(id, outcome);
  }

  /** `isCurrent`: whether its client still runs. */
  #transport(isCurrent: () => boolean) {
    const { random, schedule, conditions, tamper } = this.#parts;
    let handler: (message: object) => void = () => {};
    return {
      connect: () =>
        new Promise<void>((resolve, reject) => {
          const link = new Link(`${this.name}#${++this.#connections}`, random, schedule, conditions);
          link.attachClient({
            receive: ({ text }) => {
              if (this.#link !== link || !isCurrent()) return;
              const message = tamper(JSON.parse(text) as Message);
              if (message && !message.msgId?.startsWith(copies)) handler(message);
            },
            closed: () => {
              reject(new Error("disconnected"));
              if (this.#link !== link) return;
              this.#link = undefined;
              this.#synced = false;
              // As an application does that listens to its socket: their transport says nothing.
              if (isCurrent() && !this.#ended) void this.#client!.stop();
            },
          });
          this.#link = link;
          this.#parts.connect(link, () => {
            // It was stopped meanwhile: a real socket fails then.
            if (this.#link === link) resolve();
            else reject(new Error("disconnected"));
          });
        }),
      disconnect: async () => {
        if (isCurrent()) this.#disconnect();
      },
      send: async (message: object) => {
        const link = this.#link;
        if (!link || !isCurrent()) throw new Error("disconnected");
        const { type, payload } = message as Message;
        // Their client asks for 500 events, which is more than there are here.
        if (type === "sync") payload.limit = this.#limit;
        this.#send(link, message as Message);
      },
      onMessage: (given: (message: object) => void) => {
        handler = given;
        return () => (handler = () => {});
      },
    };
  }
}
