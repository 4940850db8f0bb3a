import type { Author } from "../../../src/protocol/index.ts";
import type { Timing } from "../../../src/client/index.ts";
import type { Application, Proposal } from "../drafts.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";
import type { Trace } from "../trace.ts";
import { Book } from "./book.ts";
import { Life, type LifeParts } from "./life.ts";
import { Reporter } from "./reporter.ts";
import type { Server } from "./server.ts";
import type { Stand } from "./standing.ts";
import { DeviceStorage } from "./storage.ts";

const dayMs = 24 * 60 * 60 * 1_000;

/** The parts of a device. */
export interface DeviceParts {
  readonly name: string;
  readonly author: Author | undefined;
  readonly application: Application;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly trace: Trace;
  readonly timing: Timing;
  readonly servers: readonly Server[];
  readonly storeLatencyMsMax: number;
  /** The weights of the actions. */
  readonly habits: Readonly<Record<Habit, number>>;
  delay(): number;
  /** Called with each key that is sent, and its storage, for a planted bug. */
  sent(storage: DeviceStorage, key: string): void;
  connect(device: Device, events: Parameters<LifeParts["connect"]>[0]): ReturnType<LifeParts["connect"]>;
}

/** The actions of the program, its user and its platform. */
export type Habit =
  | "submit"
  | "burst"
  | "atomic"
  | "sequential"
  | "undo"
  | "verify"
  | "show"
  | "pause"
  | "parked"
  | "network"
  | "visible"
  | "store"
  | "close"
  | "crash"
  | "jump";

/** A device: its storage, its clock, its network, and its programs, one after the other. */
export class Device {
  readonly name: string;
  readonly book = new Book();
  readonly storage: DeviceStorage;
  readonly #parts: DeviceParts;
  readonly #reporter: Reporter;
  readonly #clientId: string | undefined;
  readonly #presence: boolean;
  readonly #hasToken: boolean;
  #life: Life | undefined;
  #skewMs: number;
  /** Whether the platform reports a network. */
  online = true;
  /** Whether one of its frames was lost or damaged, so that its drafts may arrive in another order. */
  disturbed = false;
  #paused = false;
  #calm = false;

  constructor(parts: DeviceParts) {
    const { name, random, schedule, trace } = parts;
    this.#parts = parts;
    this.#reporter = new Reporter(name, schedule, trace);
    this.name = name;
    this.#clientId = random.chance(0.4) ? name : undefined;
    this.#presence = random.chance(0.5);
    this.#hasToken = random.chance(0.4);
    this.#skewMs = random.pick([0, 0, -dayMs, -1_000, 1_000, dayMs]);
    this.storage = new DeviceStorage({
      random,
      schedule,
      latencyMsMax: parts.storeLatencyMsMax,
      standing: () => this.#life?.stand,
      onLoaded: (entries, standing) => this.#life?.loadedFrom(entries, standing as Stand | undefined),
    });
  }

  get life(): Life | undefined {
    return this.#life;
  }

  /** Whether others see its presence. */
  get presence(): boolean {
    return this.#presence;
  }

  get settled(): boolean {
    return this.#life !== undefined && !this.#life.closing && !this.#life.degraded && this.#life.settled;
  }

  describe(): string {
    return `${this.name} is ${this.#life?.describe() ?? "off"}, and keeps ${this.storage.keys.length}`;
  }

  look(): void {
    this.#life?.look();
  }

  /** Runs one random action. */
  act(): void {
    const { random } = this.#parts;
    const life = this.#life;
    if (!life) {
      if (random.chance(0.4)) this.#start();
      return;
    }
    if (life.closing) {
      if (random.chance(0.1)) this.#crash(life);
      return;
    }
    this.#do(random.weighted(this.#parts.habits), life);
  }

  /** From now on there are no faults. */
  calm(): void {
    this.#calm = true;
    this.storage.failure = undefined;
    this.#network(true);
    if (this.#paused) this.#pause(false);
  }

  /** Runs only the actions that are needed to settle. */
  settle(): void {
    const life = this.#life;
    if (!life) this.#start();
    else if (life.closing) return;
    else if (life.degraded || life.client.status.status === "closed") {
      // Its confirmed state has diverged, and so has the saved base.
      if (life.client.status.reason === "upgrade_required") this.storage.forgetBase();
      this.#close(life);
    } else for (const { key } of life.client.parked) this.#parked(life, key);
  }

  /** Closes the program for good. */
  end(): void {
    if (this.#life) this.#close(this.#life);
  }

  #do(habit: Habit, life: Life): void {
    const { random } = this.#parts;
    const abortAfterMs = random.chance(0.08) ? random.between(0, 3_000) : undefined;
    switch (habit) {
      case "submit":
        life.submit(this.#propose(life), { abortAfterMs, persistent: random.chance(0.3) });
        return;
      case "burst":
        for (let left = random.between(5, random.chance(0.02) ? 300 : 30); left > 0; left--) {
          life.submit(this.#propose(life), { abortAfterMs: undefined, persistent: false });
        }
        return;
      case "atomic":
      case "sequential": {
        const size = random.chance(0.8) ? random.between(1, 4) : random.between(1, 12);
        const proposals = Array.from({ length: size }, () => this.#propose(life));
        life.submitBatch(habit, proposals, abortAfterMs);
        return;
      }
      case "undo":
        life.undo();
        return;
      case "verify":
        void life.verify();
        return;
      case "show":
        if (this.#presence) life.show(random.chance(0.2) ? null : { at: random.between(0, 999) });
        return;
      case "pause":
        this.#pause(!this.#paused);
        return;
      case "parked":
        for (const { key } of life.client.parked) this.#parked(life, key);
        return;
      case "network":
        this.#network(!this.online);
        return;
      case "visible":
        life.tell("visible");
        return;
      case "store":
        this.storage.failure = this.storage.failure
          ? undefined
          : random.pick(["quota", "blocked", "unavailable", "failed"] as const);
        // Drafts that are only in memory may be sent before drafts that are loaded later.
        this.disturbed = true;
        this.#reporter.line(`its storage ${this.storage.failure ?? "works"}`);
        return;
      case "close":
        this.#close(life);
        return;
      case "crash":
        this.#crash(life);
        return;
      case "jump":
        this.#skewMs += random.pick([-dayMs, -1_000, 1_000, dayMs, 31 * dayMs]);
        this.#reporter.line("its clock jumps");
        life.clockJumped();
    }
  }

  #propose(life: Life): Proposal {
    const { application, random } = this.#parts;
    return application.propose(random, life.client.eventId);
  }

  #start(): void {
    const { application, schedule, random, timing, author, servers } = this.#parts;
    this.#paused = false;
    this.#life = new Life({
      application,
      schedule,
      random,
      reporter: this.#reporter,
      timing,
      clientId: this.#clientId,
      principal: author?.principal,
      presence: this.#presence,
      token: this.#hasToken ? () => this.#token() : undefined,
      store: this.storage.open,
      book: this.book,
      servers,
      delay: this.#parts.delay,
      skewMs: () => this.#skewMs,
      connect: (events) => this.#parts.connect(this, events),
      sent: (key) => this.#parts.sent(this.storage, key),
    });
    if (!this.online) this.#life.tell("offline");
  }

  /** Sometimes returns late, fails, or never returns. */
  #token(): Promise<string> {
    const { random, schedule } = this.#parts;
    const how = this.#calm ? "comes" : random.weighted({ comes: 8, fails: 1, hangs: 0.3 });
    if (how !== "comes") this.#reporter.line(`its token ${how}`);
    return new Promise((resolve, reject) => {
      if (how === "hangs") return;
      schedule.after(random.between(0, 50), () =>
        how === "comes" ? resolve("a token") : reject(new Error("no token")),
      );
    });
  }

  #pause(paused: boolean): void {
    this.#paused = paused;
    this.#reporter.line(paused ? "pauses" : "goes on");
    if (paused) this.#life?.pause();
    else this.#life?.resume();
  }

  #network(online: boolean): void {
    if (online === this.online) return;
    this.online = online;
    this.#reporter.line(`its network ${online ? "comes back" : "goes"}`);
    if (!online) this.#life?.connection?.cut();
    this.#life?.tell(online ? "online" : "offline");
  }

  #parked(life: Life, key: string): void {
    if (this.#parts.random.chance(this.#calm ? 0.8 : 0.5)) life.retry(key);
    else life.discard(key);
  }

  #close(life: Life): void {
    void life.close(() => {
      this.#life = undefined;
      // A store that worked has all entries, except those that were being withdrawn.
      for (const key of life.keys) {
        if (this.storage.has(key)) continue;
        const excused = life.degraded || life.isAborted(key);
        this.#reporter.check(excused, () => `${key} was not kept when it closed`);
        this.#lost(key);
      }
    });
  }

  #crash(life: Life): void {
    this.#life = undefined;
    life.crash();
    this.storage.crash();
    for (const key of life.keys) {
      if (this.storage.has(key)) continue;
      const excused = life.degraded || life.isAborted(key) || !this.storage.hasHad(key);
      this.#reporter.check(excused, () => `${key} was kept no more, and not decided`);
      this.#lost(key);
    }
  }

  #lost(key: string): void {
    const entry = this.book.get(key)!;
    if (entry.fate === "open" || entry.fate === "parked") entry.fate = "lost";
  }
}
