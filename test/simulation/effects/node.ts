import { type Delivered, single } from "../../../src/core/index.ts";
import type { RequestContext, SubmittedEffect } from "../../../src/platform/rpc.ts";
import { allParts } from "../../../src/shell/all-parts.ts";
import { type JsonObject, noLimits } from "../../../src/protocol/index.ts";
import { PartitionShell } from "../../../src/shell/partition-shell.ts";
import type { AnyModel } from "../../../src/model/index.ts";
import type { Effects } from "../../../src/model/effects.ts";
import type { EffectPorts, ShellPorts } from "../../../src/shell/ports.ts";
import type { AnswerBody, HttpAnswer } from "../../../src/wire/partita/answers.ts";
import { type Disk, FaultyDisk, MemoryDisk } from "../disk.ts";
import { Incarnation } from "../incarnation.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";
import type { Trace } from "../trace.ts";

/** The platform runs an alarm that failed again, from then on. */
const alarmRetryMs = 2_000;
/** Who submits in this world. */
const author = { principal: "user:a", permissions: "all" as const };

/** What a node is made of. */
interface NodeParts {
  readonly name: string;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly trace: Trace;
  readonly ports: EffectPorts;
  readonly model: AnyModel;
  readonly effects: Effects;
  readonly signHead?: ShellPorts["signHead"];
}

/** A partition of this world: the production shell, and the platform's crashes and alarm. */
export class Node {
  readonly name: string;
  readonly #parts: NodeParts;
  readonly faulty: FaultyDisk;
  #disk: Disk = new MemoryDisk();
  #shell!: PartitionShell;
  #incarnation!: Incarnation;
  #incarnations = 0;
  #armedAt: number | undefined;
  #alarmRuns = false;
  /** What a backup has of the storage. */
  #backup: MemoryDisk | undefined;
  readonly #lost = new Set<() => void>();

  constructor(parts: NodeParts) {
    this.name = parts.name;
    this.#parts = parts;
    // The disk is another one after a restore.
    const disk = () => this.#disk;
    this.faulty = new FaultyDisk(
      {
        query: (...given) => disk().query(...given),
        write: (...given) => disk().write(...given),
        wrote: (...given) => disk().wrote(...given),
        script: (sql) => disk().script(sql),
        transaction: (body) => disk().transaction(body),
        crash: () => disk().crash(),
        close: () => disk().close(),
      },
      (fault) => parts.trace.line(`${parts.schedule.now} ${this.name}: ${fault}`),
    );
    this.#boot();
  }

  /** The truth: what is stored. */
  get disk(): Disk {
    return this.#disk;
  }

  /** Whether the platform could evict it now. */
  get idle(): boolean {
    return this.#incarnation.pending === 0 && !this.#alarmRuns && this.#lost.size === 0;
  }

  /** Submits an event under a key. Resolves with the answer; undefined: the process ended first. */
  submit(draftId: string, type: string, payload: JsonObject): Promise<HttpAnswer | undefined> {
    const { random } = this.#parts;
    const draft = single({ draftId, event: { type, payload }, expectedEventId: undefined });
    return this.#ask(() => this.#shell.submit(author, "a", draft, 100, { traceId: random.hex(32) }));
  }

  /** Receives effects of another node. Resolves with undefined where the process ended first. */
  deliver(from: string, effects: readonly SubmittedEffect[]): Promise<readonly Delivered[] | undefined> {
    return this.#ask(() => this.#shell.deliver(from, effects, this.#parts.random.hex(32)));
  }

  /** The state, as a reader gets it. */
  async state(): Promise<unknown> {
    return (await this.#read<{ state: unknown }>((asking) => this.#shell.readState(undefined, asking))).state;
  }

  /** The proof that an event is in the audited log. */
  proof(eventId: number): Promise<{ path: string[]; head: string }> {
    return this.#read((asking) => this.#shell.readAuditProof(eventId, undefined, asking));
  }

  /** The proof that the log of `from` events has grown. */
  growth(from: number): Promise<{ path: string[]; head: string }> {
    return this.#read((asking) => this.#shell.readAuditConsistency(from, undefined, asking));
  }

  /** Reads, and again where that is asked for. */
  async #read<T>(read: (asking: RequestContext) => Promise<HttpAnswer<AnswerBody>>): Promise<T> {
    for (;;) {
      const answer = await this.#ask(() => read({ traceId: this.#parts.random.hex(32), reader: author }));
      if (answer && answer.status !== 503) return (await new Response(answer.body).json()) as T;
      await new Promise<void>((resolve) => void this.#parts.schedule.after(1_000, resolve));
    }
  }

  drain(seconds: number): void {
    this.#enter(() => this.#shell.drain(seconds));
  }

  /** Runs the alarm if it is due. */
  runAlarm(): void {
    const { schedule, trace } = this.#parts;
    if (this.#armedAt === undefined || this.#armedAt > schedule.serverNow || this.#alarmRuns) return;
    trace.line(`${schedule.now} ${this.name}: alarm`);
    const incarnation = this.#incarnation;
    this.#armedAt = undefined;
    this.#alarmRuns = true;
    const ended = (failed: boolean) => {
      if (incarnation !== this.#incarnation) return;
      this.#alarmRuns = false;
      if (failed) this.#armedAt ??= schedule.serverNow + alarmRetryMs;
    };
    this.#enter(() => {
      this.#shell.alarm().then(
        () => ended(false),
        () => ended(true),
      );
    });
  }

  /** To be called after each task. */
  look(): void {
    if (this.faulty.dead) this.crash();
  }

  crash(): void {
    this.#parts.trace.line(`${this.#parts.schedule.now} ${this.name}: crash`);
    this.#incarnation.end();
    if (this.#alarmRuns) this.#armedAt ??= this.#parts.schedule.serverNow + alarmRetryMs;
    this.#alarmRuns = false;
    const lost = [...this.#lost];
    for (const end of lost) end();
    this.faulty.revive();
    this.#boot();
  }

  /** Evicted while nothing is going on. */
  evict(): void {
    if (!this.idle) return;
    this.#parts.trace.line(`${this.#parts.schedule.now} ${this.name}: evicted`);
    this.#incarnation.end();
    // The platform wakes it for its alarm, or for the next call: here at once, because nothing but memory was lost.
    this.#boot();
  }

  backUp(): void {
    this.#backup = copyOf(this.#disk);
    this.#parts.trace.line(`${this.#parts.schedule.now} ${this.name}: backup`);
  }

  /** The storage is that of the last backup again. */
  restore(): void {
    if (!this.#backup) return;
    this.#parts.trace.line(`${this.#parts.schedule.now} ${this.name}: restored`);
    this.#disk = copyOf(this.#backup);
    this.crash();
  }

  #ask<T>(ask: () => Promise<T>): Promise<T | undefined> {
    const incarnation = this.#incarnation;
    return new Promise((resolve) => {
      const settle = (answer: T | undefined) => {
        if (this.#lost.delete(lost)) resolve(answer);
      };
      const lost = () => settle(undefined);
      this.#lost.add(lost);
      this.#enter(() => {
        const answered = (answer: T | undefined): void => {
          // The output gate, and a process that ends while it answers.
          this.#parts.trace.check(!this.faulty.open, () => `${this.name} answers before its commit`);
          this.faulty.delivering();
          if (incarnation.alive) settle(answer);
        };
        ask().then(answered, () => answered(undefined));
      });
    });
  }

  #enter(body: () => void): void {
    this.#incarnation.entered();
    try {
      body();
    } catch (error) {
      this.#parts.trace.line(`${this.#parts.schedule.now} ${this.name}: a handler throws: ${String(error)}`);
    }
  }

  #boot(): void {
    const { schedule, random, name, ports, model, effects, signHead } = this.#parts;
    const incarnation = new Incarnation(++this.#incarnations, {
      disk: this.faulty,
      schedule,
      random,
      deferMsMax: 5,
      clamped: false,
      tenant: undefined,
      verify: async () => ({ code: "unauthenticated", detail: "There are no tokens here." }),
      enter: (body) => this.#enter(body),
      armAlarm: (at) => (this.#armedAt = at),
      log: () => {},
      wrote: () => {},
      effects: ports,
      signHead,
      // A state that is large: it is read when all is over.
      openBody: () => {
        const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
        return { readable, writer: writable.getWriter() };
      },
    });
    this.#incarnation = incarnation;
    try {
      this.#shell = new PartitionShell(
        {
          name: { tenant: "default", partition: name },
          model,
          effects,
          roles: {},
          parts: allParts,
          limits: noLimits,
        },
        incarnation.ports(),
      );
      this.#shell.start(this.#armedAt, () => {});
    } catch {
      incarnation.end();
    }
    if (!incarnation.alive) this.crash();
  }
}

/** A copy of what a disk has. */
function copyOf(disk: Disk): MemoryDisk {
  const copy = new MemoryDisk();
  const own = "name NOT LIKE 'sqlite_%'";
  copy.transaction(() => {
    for (const { sql } of disk.query(`SELECT sql FROM sqlite_master WHERE type = 'table' AND ${own}`))
      copy.script(String(sql));
    for (const { name } of disk.query(`SELECT name FROM sqlite_master WHERE type = 'table' AND ${own}`)) {
      for (const row of disk.query(`SELECT * FROM ${String(name)}`)) {
        const columns = Object.keys(row);
        copy.write(
          `INSERT INTO ${String(name)} (${columns.join()}) VALUES (${columns.map(() => "?").join()})`,
          ...columns.map((column) => row[column]!),
        );
      }
    }
    for (const { sql } of disk.query(`SELECT sql FROM sqlite_master WHERE type <> 'table' AND sql IS NOT NULL`))
      copy.script(String(sql));
  });
  return copy;
}
