import type { Author } from "../../../src/protocol/index.ts";
import type { Timing } from "../../../src/client/index.ts";
import type { Application, Proposal } from "../drafts.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";
import type { Trace } from "../trace.ts";
import { Account } from "./account.ts";
import type { Submitted } from "./book.ts";
import { Program, type ProgramParts } from "./program.ts";
import { Reporter } from "./reporter.ts";
import type { Server } from "./server.ts";
import type { LogPosition } from "./log-tracker.ts";
import { DeviceStorage } from "./storage.ts";

const dayMs = 24 * 60 * 60 * 1_000;

/** The parts of a device. */
export interface DeviceParts {
  readonly name: string;
  /** Its users. */
  readonly authors: readonly (Author | undefined)[];
  readonly application: Application;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly trace: Trace;
  readonly timing: Timing;
  readonly servers: readonly Server[];
  readonly storeLatencyMsMax: number;
  /** The weights of the actions. */
  readonly actionWeights: Readonly<Record<Action, number>>;
  delay(): number;
  /** Called with each key that is sent, and its storage, for a planted bug. */
  sent(storage: DeviceStorage, key: string): void;
  connect(
    device: Device,
    events: Parameters<ProgramParts["connect"]>[0],
    token: string | undefined,
  ): ReturnType<ProgramParts["connect"]>;
}

/** The actions of the program, its user and its platform. */
export type Action =
  | "submit"
  | "burst"
  | "atomic"
  | "sequential"
  | "undo"
  | "redo"
  | "group"
  | "replace"
  | "withdraw"
  | "flush"
  | "dismiss"
  | "verify"
  | "show"
  | "pause"
  | "parked"
  | "network"
  | "visible"
  | "store"
  | "clear"
  | "signOut"
  | "switch"
  | "close"
  | "crash"
  | "jump";

/** A device: its storage, its clock, its network, and its programs, one after the other. */
export class Device {
  readonly name: string;
  readonly accounts: readonly Account[];
  readonly #parts: DeviceParts;
  readonly #reporter: Reporter;
  readonly #clientId: string | undefined;
  readonly #presence: boolean;
  /** Who is signed in: who gets a token. */
  #account: Account;
  #program: Program | undefined;
  /** The user of the program. */
  #of: Account;
  #skewMs: number;
  /** Whether the platform reports a network. */
  online = true;
  /** Whether one of its frames was lost or damaged, so that its drafts may arrive in another order. */
  disturbed = false;
  #paused = false;
  #faultsEnded = false;

  constructor(parts: DeviceParts) {
    const { name, random, schedule, trace } = parts;
    this.#parts = parts;
    this.#reporter = new Reporter(name, schedule, trace);
    this.name = name;
    this.#clientId = random.chance(0.4) ? name : undefined;
    this.#presence = random.chance(0.5);
    this.#skewMs = random.pick([0, 0, -dayMs, -1_000, 1_000, dayMs]);
    this.accounts = parts.authors.map((author) => {
      const storage = new DeviceStorage({
        random,
        schedule,
        latencyMsMax: parts.storeLatencyMsMax,
        position: () => this.#program?.position,
        onOpened: (scope) => {
          const isOwn = scope.endsWith(`/${author?.principal ?? ""}`);
          this.#reporter.check(isOwn, () => `opens ${scope}, as ${author?.principal}`);
        },
        onLoaded: (entries, position) => this.#program?.loadedFrom(entries, position as LogPosition | undefined),
      });
      return new Account(author, storage, random);
    });
    this.#account = this.#of = this.accounts[0]!;
  }

  /** What is kept of who is signed in. */
  get storage(): DeviceStorage {
    return this.#account.storage;
  }

  get program(): Program | undefined {
    return this.#program;
  }

  /** Whether others see its presence. */
  get presence(): boolean {
    return this.#presence;
  }

  get settled(): boolean {
    if (this.#unsettled) return false;
    return this.#program !== undefined && !this.#program.closing && !this.#program.degraded && this.#program.settled;
  }

  /** Another user, who has something that is not sent. */
  get #unsettled(): Account | undefined {
    return this.accounts.find((account) => account !== this.#account && account.storage.keys.length > 0);
  }

  describe(): string {
    return `${this.name} is ${this.#program?.describe() ?? "off"}, and keeps ${this.storage.keys.length}`;
  }

  look(): void {
    this.#program?.look();
  }

  /** Runs one random action. */
  act(): void {
    const { random } = this.#parts;
    const program = this.#program;
    if (!program) {
      if (random.chance(0.4)) this.#start();
      return;
    }
    if (program.closing) {
      if (random.chance(0.1)) this.#crash(program);
      return;
    }
    // Its user has signed out, or another one has signed in.
    if (program.client.status.status === "closed") {
      this.#close(program);
      return;
    }
    this.#do(random.weighted(this.#parts.actionWeights), program);
  }

  /** From now on there are no faults. */
  endFaults(): void {
    this.#faultsEnded = true;
    for (const { storage } of this.accounts) storage.failure = undefined;
    this.#network(true);
    if (this.#paused) this.#pause(false);
  }

  /** Runs only the actions that are needed to settle. */
  settle(): void {
    const program = this.#program;
    if (!program) this.#start();
    else if (program.closing) return;
    else if (program.degraded || program.client.status.status === "closed") {
      this.#close(program);
    } else if (program.settled && this.#unsettled) this.#signIn(this.#unsettled);
    else for (const { key } of program.client.parked) this.#parked(program, key);
  }

  /** Closes the program for good. */
  end(): void {
    if (this.#program) this.#close(this.#program);
  }

  #do(action: Action, program: Program): void {
    const { random } = this.#parts;
    const abortAfterMs = random.chance(0.08) ? random.between(0, 3_000) : undefined;
    switch (action) {
      case "submit":
        program.submit(this.#propose(program), { abortAfterMs, persistent: random.chance(0.3) });
        return;
      case "burst":
        for (let left = random.between(5, random.chance(0.02) ? 300 : 30); left > 0; left--) {
          program.submit(this.#propose(program), { abortAfterMs: undefined, persistent: false });
        }
        return;
      case "atomic":
      case "sequential": {
        const size = random.chance(0.8) ? random.between(1, 4) : random.between(1, 12);
        const proposals = Array.from({ length: size }, () => this.#propose(program));
        program.submitBatch(action, proposals, abortAfterMs);
        return;
      }
      case "undo":
      case "redo":
        program.undo(action);
        return;
      case "group":
        program.group(() => {
          for (let left = random.between(1, 4); left > 0; left--) {
            program.submit(this.#propose(program), { abortAfterMs: undefined, persistent: false });
          }
        });
        return;
      case "replace": {
        // As in dragging.
        const replaces = random.pick(["drag", "typing"]);
        for (let left = random.between(1, 4); left > 0; left--) {
          program.submit(this.#propose(program), { abortAfterMs: undefined, persistent: random.chance(0.1), replaces });
        }
        return;
      }
      case "withdraw": {
        const { pending } = program.client;
        if (pending.length > 0) void program.withdraw(random.pick(pending).key);
        return;
      }
      case "flush":
        void program.flush();
        return;
      case "dismiss":
        program.dismiss();
        return;
      case "verify":
        void program.verify();
        return;
      case "show":
        if (this.#presence) program.show(random.chance(0.2) ? null : { at: random.between(0, 999) });
        return;
      case "pause":
        this.#pause(!this.#paused);
        return;
      case "parked":
        for (const { key } of program.client.parked) this.#parked(program, key);
        return;
      case "network":
        this.#network(!this.online);
        return;
      case "visible":
        program.notify("visible");
        return;
      case "store":
        this.storage.failure = this.storage.failure
          ? undefined
          : random.pick(["quota", "blocked", "unavailable", "failed"] as const);
        // Drafts that are only in memory may be sent before drafts that are loaded later.
        this.disturbed = true;
        this.#reporter.line(`its storage ${this.storage.failure ?? "works"}`);
        return;
      case "clear":
        this.#reporter.line("its storage is cleared");
        this.disturbed = true;
        this.#of.storage.clear();
        program.cleared();
        return;
      case "signOut":
        void program.signOut(random.chance(0.6), random.between(0, 100), this.#of.storage);
        return;
      case "switch":
        this.#signIn(random.pick(this.accounts));
        return;
      case "close":
        this.#close(program);
        return;
      case "crash":
        this.#crash(program);
        return;
      case "jump":
        this.#skewMs += random.pick([-dayMs, -1_000, 1_000, dayMs, 31 * dayMs]);
        this.#reporter.line("its clock jumps");
        program.clockJumped();
    }
  }

  #propose(program: Program): Proposal {
    const { application, random } = this.#parts;
    return application.propose(random, program.client.eventId);
  }

  #start(): void {
    const { application, schedule, random, timing, servers } = this.#parts;
    if (!this.#faultsEnded && random.chance(0.2)) this.#signIn(random.pick(this.accounts));
    const { author, isNamedByToken, storage, book } = this.#account;
    if (random.chance(0.1)) storage.dropBase();
    this.#paused = false;
    this.#program = new Program({
      application,
      schedule,
      random,
      reporter: this.#reporter,
      timing,
      // With one name for both users, a client takes an event of the other one for its own draft with the same content, until
      // that is decided.
      clientId: this.#clientId && `${this.#clientId}${this.accounts.indexOf(this.#account) || ""}`,
      principal: author?.principal,
      isNamedByToken,
      presence: this.#presence,
      token: author && (() => this.#token()),
      store: storage.open,
      book,
      servers,
      delay: this.#parts.delay,
      skewMs: () => this.#skewMs,
      connect: (events, token) => this.#parts.connect(this, events, token),
      sent: (key) => this.#parts.sent(storage, key),
    });
    this.#of = this.#account;
    if (!this.online) this.#program.notify("offline");
  }

  /** Sometimes returns late, fails, or never returns. */
  #token(): Promise<string> {
    const { random, schedule } = this.#parts;
    const how = this.#faultsEnded ? "comes" : random.weighted({ comes: 8, fails: 1, hangs: 0.3 });
    if (how !== "comes") this.#reporter.line(`its token ${how}`);
    // A program that has crashed hears of nothing: else it would go on, beside the next one.
    const program = this.#program;
    return new Promise((resolve, reject) => {
      if (how === "hangs") return;
      schedule.after(random.between(0, 50), () => {
        if (program !== this.#program) return;
        if (how === "comes") resolve(this.#account.token);
        else reject(new Error("no token"));
      });
    });
  }

  /** From now on tokens are of this user. */
  #signIn(account: Account): void {
    if (account === this.#account) return;
    this.#account = account;
    this.#reporter.line(`${account.author?.principal} signs in`);
    // A program that uses the tokens of another one notices at its next attempt; most applications do not wait for that.
    const program = this.#program;
    if (!program) return;
    // One that knows no user yet is of the user whom its first token names.
    if (this.#faultsEnded || program.awaitsUser || this.#parts.random.chance(0.5)) this.#close(program);
    else program.isOutdated = true;
  }

  #pause(paused: boolean): void {
    this.#paused = paused;
    this.#reporter.line(paused ? "pauses" : "goes on");
    if (paused) this.#program?.pause();
    else this.#program?.resume();
  }

  #network(online: boolean): void {
    if (online === this.online) return;
    this.online = online;
    this.#reporter.line(`its network ${online ? "comes back" : "goes"}`);
    if (!online) this.#program?.connection?.cut();
    this.#program?.notify(online ? "online" : "offline");
  }

  #parked(program: Program, key: string): void {
    if (this.#parts.random.chance(this.#faultsEnded ? 0.8 : 0.5)) program.retry(key);
    else program.discard(key);
  }

  #close(program: Program): void {
    const { storage, book } = this.#of;
    void program.close(() => {
      this.#program = undefined;
      // A store that worked has all entries, except those that were being withdrawn, or were nobody's.
      for (const key of program.keys) {
        if (storage.has(key)) continue;
        const flushed = book.get(key)!.flushed === true;
        const isExcused = program.degraded || program.awaitsUser || program.isCleared;
        const excused = (!flushed && isExcused) || program.isAborted(key);
        this.#reporter.check(excused, () => `${key} was not kept when it closed`);
        this.#lost(book.get(key)!);
      }
      if (program.degraded || program.isCleared || !program.rejected) return;
      const [kept, known] = [storage.rejected.toSorted().join(), [...program.rejected].toSorted().join()];
      this.#reporter.check(kept === known, () => `keeps as rejected ${kept}, and not ${known}`);
    });
  }

  #crash(program: Program): void {
    const { storage, book } = this.#of;
    this.#program = undefined;
    program.crash();
    storage.crash();
    for (const key of program.keys) {
      if (storage.has(key)) continue;
      const flushed = book.get(key)!.flushed === true;
      const isExcused = program.degraded || program.isCleared || !storage.hasHad(key);
      const excused = (!flushed && isExcused) || program.isAborted(key);
      this.#reporter.check(excused, () => `${key} was kept no more, and not decided`);
      this.#lost(book.get(key)!);
    }
  }

  #lost(entry: Submitted): void {
    if (entry.outcome === "open" || entry.outcome === "parked") entry.outcome = "lost";
  }
}
