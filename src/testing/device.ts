import type * as z from "zod/mini";
import { type Client, createClient } from "../client/index.ts";
// Loaded before the first client needs them: a client of a test waits for no file.
import "../client/api/base-keeper.ts";
import "../client/api/rarely.ts";
import "../client/api/merging.ts";
import "../client/stores/resilient.ts";
import { loadUndo } from "../client/api/undoing.ts";
import "../client/sync/rarely.ts";
import "../client/sync/presence.ts";
import "../client/sync/selective.ts";
import "../client/sync/tokens.ts";
import { memoryStore } from "../client/stores/memory.ts";
import type { Ports, Reachability, Socket, SocketEvents } from "../client/transport/ports.ts";
import type { Model } from "../model/index.ts";
import { sha256 } from "../platform/hash.ts";
import type { Author } from "../protocol/index.ts";
import type { TestClock } from "./clock.ts";
import type { ServerEnd, TestHost } from "./host.ts";
import { Line } from "./line.ts";
import type { SeededRandom } from "./random.ts";

await loadUndo();

/** So rare that a test that advances by months does not spend its time on them, in milliseconds. */
const heartbeatMs = 24 * 60 * 60 * 1_000;

/** How a device differs from the usual. */
export interface DeviceOptions {
  /** The user; default: the name of the device. Several devices may have one. */
  principal?: string;
  /** The permissions of its token; default: all. As in tokens: `read`, `submit:<type>`, `submit:*`. */
  permissions?: readonly string[];
  /** Whether its client has presence. Default: false. */
  presence?: boolean;
}

/** What a device is made of. */
interface DeviceParts<S extends object, P extends Record<string, z.core.$ZodType>, Internal extends string> {
  readonly name: string;
  readonly partition: string;
  readonly model: Model<S, P, Internal>;
  readonly host: TestHost;
  readonly clock: TestClock;
  readonly random: SeededRandom;
  readonly options: DeviceOptions;
}

/** A device of a user: the client of an application, what it has stored, and its network. */
export class TestDevice<
  S extends object = object,
  P extends Record<string, z.core.$ZodType> = Record<string, z.core.$ZodType>,
  Internal extends string = never,
> {
  readonly name: string;
  /** The production client. After `restart` it is another one. */
  client: Client<S, Omit<P, Internal>, P>;
  readonly #parts: DeviceParts<S, P, Internal>;
  readonly #author: Author;
  readonly #store = memoryStore();
  readonly #lines = new Set<Line>();
  #reachability: Reachability | undefined;
  #network: "works" | "cut" | "answers_lost" = "works";
  /** Changes when the program ends. */
  #program = 0;

  constructor(parts: DeviceParts<S, P, Internal>) {
    this.#parts = parts;
    this.name = parts.name;
    const { principal = parts.name, permissions } = parts.options;
    this.#author = { principal, permissions: permissions ?? "all" };
    this.client = this.#start();
  }

  /** Clock, timers and randomness of the program that runs now, for other code of it that takes them, as `work`. */
  get ports(): Ports {
    return this.#ports();
  }

  /** Cuts the network: what is on its way is lost, in both directions. The client goes on, and queues its drafts. */
  cut(): void {
    this.#network = "cut";
    for (const line of this.#lines) line.cut();
    this.#reachability?.offline();
  }

  /** From now on what the server sends is lost, while what the client sends arrives: as where a connection dies before its answers. */
  loseAnswers(): void {
    this.#network = "answers_lost";
  }

  /** The network works again, and the client connects at once. */
  restore(): void {
    this.#network = "works";
    for (const line of this.#lines) line.cut();
    this.#reachability?.online();
    this.wake();
  }

  /** @internal Has the client connect, where it has no connection: after it knows that the last one has ended. */
  wake(): void {
    this.#parts.clock.after(0, () => this.#reachability?.visible());
  }

  /** The program ends without a warning, as where a tab is killed, and starts again on what it has stored. */
  restart(): void {
    this.stop();
    this.client = this.#start();
  }

  /** The program ends without a warning. */
  stop(): void {
    this.#program++;
    for (const line of this.#lines) line.leave();
    this.#lines.clear();
  }

  /** Why this device is not at rest: it has something to send or to receive. Undefined: it is, or it waits for its network. */
  unsettled(head: number): string | undefined {
    const { status, pending, eventId, loaded } = this.client;
    if (status.status === "closed" || this.#network !== "works") return undefined;
    if (status.reason === "paused") return undefined;
    const where = `the client of ${this.name} is ${status.status}${status.reason ? ` (${status.reason})` : ""}`;
    if (status.status !== "online" || !loaded) return where;
    if (eventId < head) return `${where}, at event ${eventId} of ${head}`;
    const waits = pending.filter(({ failure }) => failure?.retryAfter === undefined);
    return waits.length > 0 ? `${where}, with ${waits.length} drafts without a verdict` : undefined;
  }

  #start(): Client<S, Omit<P, Internal>, P> {
    const { model, partition, options, name } = this.#parts;
    const { principal } = this.#author;
    const claims = Buffer.from(JSON.stringify({ sub: principal })).toString("base64url");
    return createClient<S, P, Internal>({
      url: "https://partita.test",
      partition,
      model,
      store: this.#store,
      clientId: name,
      principal,
      token: () => `header.${claims}.signature`,
      presence: options.presence ?? false,
      timing: { heartbeatMs },
      ports: this.#ports(),
    });
  }

  #ports(): Ports {
    const { clock, random } = this.#parts;
    const program = this.#program;
    const alive = () => program === this.#program;
    return {
      now: () => clock.now,
      after: (ms, run) =>
        clock.after(ms, () => {
          if (alive()) run();
        }),
      defer: (run) =>
        queueMicrotask(() => {
          if (alive()) run();
        }),
      random: () => random.next(),
      bytes: (count) => random.bytes(count),
      open: (_, events) => this.#open(events),
      watch: (reachability) => {
        this.#reachability = reachability;
        return () => (this.#reachability = undefined);
      },
      sha256: async (text) => Buffer.from(sha256(text)).toString("hex"),
    };
  }

  #open(events: SocketEvents): Socket {
    const { clock, host } = this.#parts;
    const line = new Line({
      clock,
      events,
      answersLost: () => this.#network === "answers_lost",
      ended: () => this.#lines.delete(line),
    });
    this.#lines.add(line);
    if (this.#network === "cut") line.cut();
    else clock.after(0, () => void this.#accept(line, host));
    return line;
  }

  async #accept(line: Line, host: TestHost): Promise<void> {
    let server: ServerEnd | undefined;
    if (!line.isCut) server = await host.connect(this.#author, line.client);
    if (server) line.accepted(server);
    else line.cut();
  }
}
