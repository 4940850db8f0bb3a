import { Client } from "../../../src/client/api/client.ts";
import type { OpenStore } from "../../../src/client/stores/store.ts";
import { tabsBackend } from "../../../src/client/tabs/backend.ts";
import type { TabsPort } from "../../../src/client/tabs/ports.ts";
import type { SocketEvents, Timing } from "../../../src/client/index.ts";
import { uuidv7 } from "../../../src/client/transport/ports.ts";
import { canonicalJson } from "../../../src/protocol/canonical.ts";
import type { Json } from "../../../src/protocol/index.ts";
import { Connection } from "../clients/connection.ts";
import { ProgramPorts } from "../clients/ports.ts";
import type { Reporter } from "../clients/reporter.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";
import { lounge } from "./lounge.ts";

export type Version = keyof typeof lounge;

/** The parts of a tab. */
export interface TabParts {
  readonly principal: string;
  readonly version: Version;
  readonly timing: Timing;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly reporter: Reporter;
  /** What it shares with other tabs under this name. */
  port(tab: Tab, name: string): TabsPort;
  store(tab: Tab): OpenStore;
  connect(tab: Tab, events: SocketEvents): Connection;
  delay(): number;
}

/** A tab of a browser, with the production client. It can be frozen, and end at any time. */
export class Tab {
  readonly principal: string;
  readonly version: Version;
  readonly client: Client<any, any>;
  readonly #ports: ProgramPorts;
  readonly #parts: TabParts;
  /** The verdicts of its drafts, by mark. */
  readonly verdicts = new Map<string, string>();
  /** The marks of its drafts without a verdict. */
  readonly #waiting = new Set<string>();
  /** The frames that say that its user may not read. */
  readonly refusals = new Set<string>();
  isVisible = true;
  isDead = false;
  isClosing = false;
  hasLostChannel = false;
  connection: Connection | undefined;
  #missed: (() => void)[] | undefined;
  #eventId = 0;
  #stoodStill = false;
  #wasReset = true;

  constructor(parts: TabParts) {
    const { principal, version, timing, schedule, random, reporter } = parts;
    this.principal = principal;
    this.version = version;
    this.#parts = parts;
    this.#ports = new ProgramPorts({
      // A frozen tab has no time.
      schedule: {
        after: (ms: number, run: () => void) => schedule.after(ms, () => this.run(run)),
        get epochNow() {
          return schedule.epochNow;
        },
      } as Schedule,
      random,
      delay: () => parts.delay(),
      skewMs: () => 0,
      open: (events) => {
        if (this.isDead) return { send: () => {}, close: () => {} };
        const connection = parts.connect(this, {
          opened: () => this.run(() => events.opened()),
          received: (frame) => this.run(() => this.#receive(frame as string, events)),
          closed: (code, reason) => this.run(() => events.closed(code, reason)),
        });
        this.connection = connection;
        return {
          send: (text) => {
            if (!this.isDead) connection.send(text);
          },
          close: () => connection.close(),
        };
      },
    });
    const ports = this.#ports;
    this.client = new Client<any, any>({
      model: lounge[version],
      partition: "room",
      clientId: undefined,
      identity: { tenant: "default", principal },
      host: "simulated.example",
      store: parts.store(this),
      ports,
      timing,
      engine: { url: "wss://simulated.example", token: () => principal, presence: false },
      backend: async (scope) =>
        tabsBackend(parts.port(this, JSON.stringify([scope, version])), ports, () => uuidv7(ports)),
    });
    this.client.on("status", ({ status, reason }) => reporter.line(`is ${status}: ${reason}`));
    this.client.on("reset", () => (this.#wasReset = true));
    reporter.line(`opens with version ${version}, as ${principal}`);
  }

  get isFrozen(): boolean {
    return this.#missed !== undefined;
  }

  get isClosed(): boolean {
    return this.client.status.status === "closed";
  }

  /** Runs something in the tab: now, or when it thaws. */
  run(body: () => void): void {
    if (this.isDead) return;
    if (this.#missed) this.#missed.push(body);
    else body();
  }

  async submit(type: string, mark: string, more: Record<string, string>): Promise<void> {
    const { reporter } = this.#parts;
    reporter.line(`submits ${type} ${mark}`);
    this.#waiting.add(mark);
    try {
      const { status } = await this.client.submit(type, { mark, ...more });
      if (this.isDead) return;
      reporter.line(`gets ${status} for ${mark}`);
      this.verdicts.set(mark, status);
      this.#waiting.delete(mark);
      const isAsked = status !== "undecided" || this.isClosed || this.isClosing;
      reporter.check(isAsked, () => `${mark} is undecided, without a request`);
    } catch (error) {
      reporter.check(this.isClosed || this.isClosing, () => `${mark} was not taken: ${String(error)}`);
    }
  }

  #receive(frame: string, events: SocketEvents): void {
    const { isClosed } = this;
    events.received(frame);
    // A client that was closed shows what it has shown before.
    if (isClosed || !this.refusals.has(frame)) return;
    const { client } = this;
    const shown = canonicalJson(client.state as Json);
    const isHidden = this.isClosed && client.pending.length === 0 && shown === canonicalJson(lounge[1].initialState());
    this.#parts.reporter.check(isHidden, () => `is forbidden to read, and shows ${shown}`);
  }

  freeze(): void {
    this.#parts.reporter.line("freezes");
    this.#missed ??= [];
    this.isVisible = false;
  }

  thaw(): void {
    const missed = this.#missed ?? [];
    this.#missed = undefined;
    this.#parts.reporter.line("thaws");
    for (const body of missed) this.#parts.schedule.after(0, () => this.run(body));
  }

  /** From now on its channel to the other tabs throws. */
  losesChannel(): void {
    this.#parts.reporter.line("loses its channel");
    this.hasLostChannel = true;
  }

  look(isVisible: boolean): void {
    this.isVisible = isVisible;
    if (isVisible) this.run(() => this.#ports.reachability?.visible());
  }

  /** The process ends. */
  crash(): void {
    this.#parts.reporter.line("crashes");
    this.isDead = true;
    this.#ports.end();
    this.connection?.cut();
  }

  /** The application closes the client. Resolves when it has ended; never, where it ends otherwise before. */
  async close(): Promise<void> {
    this.#parts.reporter.line("closes");
    this.isClosing = true;
    await this.client.close();
    this.isDead = true;
    this.#ports.end();
  }

  /**
   * Compares what it shows with the truth. `stateAt`: the state after an event as its version folds the log. `lastOf`: the
   * last event that was decided by its version of the model, or an earlier one. `isOut`: whether the state after an event lets
   * its user not read.
   */
  check(stateAt: (eventId: number) => string, lastOf: number, isOut: (eventId: number) => boolean): void {
    if (this.isDead || this.isFrozen || this.isClosing) return;
    const { reporter } = this.#parts;
    const { client } = this;
    const { eventId, pending } = client;
    reporter.check(
      !this.isClosed || this.#waiting.size === 0,
      () => `is closed, and ${[...this.#waiting].join()} have no verdict`,
    );
    if (client.loaded && eventId > 0) {
      reporter.check(eventId <= lastOf, () => `shows event ${eventId}, and cannot fold more than ${lastOf}`);
      reporter.check(!isOut(eventId), () => `shows event ${eventId}, after which ${this.principal} reads nothing`);
    }
    reporter.check(
      eventId >= this.#eventId || this.#wasReset || this.isClosed,
      () => `runs back from event ${this.#eventId} to ${eventId}`,
    );
    this.#eventId = eventId;
    this.#wasReset = false;
    // What was accepted while the view stands still stays in it.
    this.#stoodStill ||= client.status.waiting === "reload";
    if (pending.length > 0 || this.#stoodStill) return;
    const shown = canonicalJson(client.state as Json);
    reporter.check(shown === stateAt(eventId), () => `shows ${shown} at event ${eventId}, and not ${stateAt(eventId)}`);
  }
}
