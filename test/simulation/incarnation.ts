import type { EffectPorts, ShellPorts } from "../../src/shell/ports.ts";
import type { StreamBody } from "../../src/shell/event-sink.ts";
import { IsolateUse } from "../../src/platform/isolate.ts";
import type { SqlDriver, SqlRow, SqlValue } from "../../src/storage/driver.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import { ClampedClock } from "../support/clamped-clock.ts";
import { bytesPort, migrations } from "../support/partition.ts";
import type { FaultyDisk } from "./disk.ts";
import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";

/** What a timer runs takes this long where the clock is clamped, in milliseconds: a turn's share of work. */
const timerWorkMs = 2;
/** What was written is durable after this time at most, in milliseconds. */
const ioMsMax = 10;

/** What an incarnation is made of. */
export interface IncarnationParts {
  readonly disk: FaultyDisk;
  readonly schedule: Schedule;
  readonly random: Random;
  /** How late a timer may come, in milliseconds. */
  readonly deferMsMax: number;
  /** Whether the next timer that is due holds back the clock, as in production. */
  readonly clamped: boolean;
  readonly tenant: ShellPorts["tenant"];
  readonly verify: ShellPorts["verify"];
  /** Runs what a timer does, or what follows input or output. */
  enter(body: () => void, byTimer: boolean): void;
  armAlarm(at: number): void;
  readonly log: ShellPorts["log"];
  /** A statement was written. */
  wrote(sql: string, values: readonly SqlValue[]): void;
  /** Undefined: there are no effects. */
  readonly effects?: EffectPorts | undefined;
  readonly signHead?: ShellPorts["signHead"];
  openBody(): StreamBody;
}

/**
 * One lifetime of the object: the ports that its shell is given. When it has ended, nothing that its shell
 * still waits for comes about, and nothing that it does has an effect.
 */
export class Incarnation {
  readonly #number: number;
  readonly #parts: IncarnationParts;
  #alive = true;
  #timers = 0;
  #calls = 0;
  /** Undefined where the clock goes on by itself. */
  readonly #clock: ClampedClock | undefined;

  /** `number`: tells the incarnations of a run apart. */
  constructor(number: number, parts: IncarnationParts) {
    this.#number = number;
    this.#parts = parts;
    const { schedule } = parts;
    const real = { now: () => schedule.now, after: (delayMs: number, run: () => void) => schedule.after(delayMs, run) };
    this.#clock = parts.clamped ? new ClampedClock(real, timerWorkMs) : undefined;
  }

  /** The time of its clock. */
  get now(): number {
    return this.#parts.schedule.serverNow - this.lagMs;
  }

  /** How far its clock is behind, in milliseconds. */
  get lagMs(): number {
    return this.#clock?.lagMs ?? 0;
  }

  /** It is entered otherwise than by a timer. */
  entered(): void {
    this.#clock?.enter();
  }

  /** The ports of a new shell. Throws what opening the storage throws. */
  ports(): ShellPorts {
    const { disk, random, tenant, verify, armAlarm, wrote, log, effects, signHead, openBody } = this.#parts;
    return {
      storage: new PartitionStorage(new MortalDriver(disk, () => this.alive, wrote), migrations, bytesPort),
      random: {
        logId: () => `log-${random.hex(8)}`,
        secret: () => random.hex(64),
        incarnation: () => random.hex(6) + this.#number.toString(16).padStart(10, "0"),
        traceId: () => random.hex(32),
        peerId: () => random.hex(32),
        connectionId: () => random.hex(32),
        nonce: () => random.hex(32),
        fraction: () => random.next(),
      },
      log,
      now: () => this.now,
      timer: (run, delayMs) => this.#timer(run, delayMs),
      afterIo: (run) => this.#afterIo(run),
      every: (run, periodMs) => {
        let cancel = () => {};
        const next = () => {
          cancel = this.#timer(() => {
            next();
            run();
          }, periodMs);
        };
        next();
        return () => cancel();
      },
      armAlarm: async (at) => {
        if (this.alive) armAlarm(at);
      },
      tenant: tenant && this.#mortal(tenant),
      effects: this.#mortalEffects(effects),
      ...(signHead && { signHead: (head) => this.#whileAlive(signHead(head)) }),
      keys: () => undefined,
      verify: (token, now) => this.#whileAlive(verify(token, now)),
      isolate: new IsolateUse(),
      openBody,
    };
  }

  get alive(): boolean {
    return this.#alive && !this.#parts.disk.dead;
  }

  /** Timers and calls that are pending: the platform keeps an object that has one. */
  get pending(): number {
    return this.#timers + this.#calls;
  }

  end(): void {
    this.#alive = false;
  }

  #timer(run: () => void, delayMs: number): () => void {
    const { schedule, random, deferMsMax } = this.#parts;
    let pending = true;
    this.#timers++;
    const done = (): boolean => {
      if (!pending) return false;
      pending = false;
      this.#timers--;
      return true;
    };
    const due = () => {
      if (this.alive && done()) this.#parts.enter(run, true);
    };
    const cancel = this.#clock
      ? this.#clock.timer(due, delayMs)
      : schedule.after(delayMs + random.between(0, deferMsMax), due);
    return () => {
      if (done()) cancel();
    };
  }

  #afterIo(run: () => void): void {
    this.#calls++;
    this.#parts.schedule.after(this.#parts.random.between(0, ioMsMax), () => {
      this.#calls--;
      if (this.alive) this.#parts.enter(run, false);
    });
  }

  /** What another object answers, as long as somebody waits for it. */
  #whileAlive<T>(answer: Promise<T>): Promise<T> {
    this.#calls++;
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        this.#calls--;
        this.entered();
        if (this.alive) how();
      };
      answer.then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  #mortalEffects(effects: EffectPorts | undefined): EffectPorts {
    const none = () => Promise.reject(new Error("there are no effects here"));
    return {
      submit: (...given) => this.#whileAlive(effects?.submit(...given) ?? none()),
      enqueue: (...given) => this.#whileAlive(effects?.enqueue(...given) ?? none()),
      webhooks: (...given) => this.#whileAlive(effects?.webhooks(...given) ?? none()),
    };
  }

  #mortal(tenant: NonNullable<ShellPorts["tenant"]>): typeof tenant {
    return {
      attend: (...given) => this.#whileAlive(tenant.attend(...given)),
      claim: (...given) => this.#whileAlive(tenant.claim(...given)),
      grant: (...given) => this.#whileAlive(tenant.grant(...given)),
    };
  }
}

/** The disk, as long as the process lives. */
class MortalDriver implements SqlDriver {
  readonly #disk: FaultyDisk;
  readonly #living: () => boolean;
  readonly #wrote: IncarnationParts["wrote"];

  constructor(disk: FaultyDisk, living: () => boolean, wrote: IncarnationParts["wrote"]) {
    this.#disk = disk;
    this.#living = living;
    this.#wrote = wrote;
  }

  query(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.#driver().query(sql, ...values);
  }

  write(sql: string, ...values: SqlValue[]): SqlRow[] {
    const rows = this.#driver().write(sql, ...values);
    this.#wrote(sql, values);
    return rows;
  }

  wrote(sql: string, ...values: SqlValue[]): boolean {
    return this.#driver().wrote(sql, ...values);
  }

  script(sql: string): void {
    this.#driver().script(sql);
  }

  transaction<T>(body: () => T): T {
    return this.#driver().transaction(body);
  }

  #driver(): FaultyDisk {
    if (!this.#living()) throw new Error("this process has ended");
    return this.#disk;
  }
}
