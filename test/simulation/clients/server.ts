import type { AnyModel } from "../../../src/model/index.ts";
import { canonicalJson } from "../../../src/protocol/canonical.ts";
import type { Json, Limits } from "../../../src/protocol/index.ts";
import type { SqlValue } from "../../../src/storage/driver.ts";
import { FaultyDisk, MemoryDisk } from "../disk.ts";
import { Host } from "../host.ts";
import { Ledger } from "../ledger.ts";
import { naiveModel } from "../naive.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";
import type { Trace } from "../trace.ts";
import type { Submitted } from "./book.ts";

/** The parts of a server. */
export interface ServerParts {
  readonly model: AnyModel;
  readonly trace: Trace;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly deferMsMax: number;
  readonly limits: Limits;
}

/** A copy of the database, and the length of its log. */
export interface Backup {
  readonly disk: MemoryDisk;
  readonly head: number;
  /** Whether the log was created, and so has an id. */
  readonly begun: boolean;
}

/** The partition between two restores: its disk, its expected content, and its host. */
export class Server {
  /** Counts restores. */
  readonly generation: number;
  /** The number of events that it was restored with. */
  readonly restoredHead: number;
  /** Whether its log has the same id as the log before it. */
  readonly sameLog: boolean;
  readonly disk: FaultyDisk;
  readonly ledger: Ledger;
  readonly host: Host;
  readonly #parts: ServerParts;
  readonly #state: unknown;
  /** The state after each event, in canonical JSON. */
  readonly #prefixes: string[];

  constructor(parts: ServerParts, { generation = 0, disk = new MemoryDisk(), sameLog = false } = {}) {
    const { model, trace, schedule, random, deferMsMax, limits } = parts;
    this.#parts = parts;
    this.generation = generation;
    this.sameLog = sameLog;
    this.#state = naiveModel(model.name, model.version).initial();
    this.#prefixes = [canonicalJson(this.#state as Json)];
    this.disk = new FaultyDisk(disk, (fault) => {
      trace.line(`${schedule.now} fault: ${fault}`);
      this.host.struck(fault);
    });
    this.ledger = new Ledger(disk, model, trace, () => schedule.serverNow);
    this.ledger.observe();
    this.restoredHead = this.ledger.head;
    this.host = new Host({
      model,
      disk: this.disk,
      ledger: this.ledger,
      trace,
      schedule,
      random,
      clamped: false,
      deferMsMax,
      limits,
    });
  }

  /** The state after event `eventId`, in canonical JSON; undefined if the log is shorter. */
  stateAt(eventId: number): string | undefined {
    const { rows } = this.ledger;
    for (let at = this.#prefixes.length - 1; at < Math.min(eventId, rows.length); at++) {
      this.ledger.applyTo(this.#state, rows[at]!);
      this.#prefixes.push(canonicalJson(this.#state as Json));
    }
    return this.#prefixes[eventId];
  }

  /** Its verdict on an entry; undefined: none. */
  outcomeOf({ key, mode, drafts }: Submitted, principal: string): "accepted" | "rejected" | undefined {
    const { ledger } = this;
    const isIn = ({ draftId }: { draftId: string }) => ledger.event(principal, draftId) !== undefined;
    if (mode === "atomic" ? drafts.every(isIn) : isIn(drafts[0]!)) return "accepted";
    const decided = mode === "sequential" ? drafts[0]!.draftId : key;
    const isRejected = ledger.rejection(principal, decided) !== undefined || ledger.isForgotten(principal, decided);
    return isRejected ? "rejected" : undefined;
  }

  backup(): Backup {
    const { ledger, disk } = this;
    return { disk: copyOf(disk.disk as MemoryDisk), head: ledger.head, begun: ledger.logId() !== undefined };
  }

  /** Ends it, and starts the next one on a backup; `logId`: the new id of the log, if it gets one. */
  restored({ disk, begun }: Backup, logId: string | undefined): Server {
    this.host.crash();
    if (logId !== undefined && begun) disk.transaction(() => disk.write("UPDATE log SET log_id = ?", logId));
    return new Server(this.#parts, { generation: this.generation + 1, disk, sameLog: logId === undefined });
  }
}

function copyOf(from: MemoryDisk): MemoryDisk {
  const to = new MemoryDisk();
  const schema = from.query("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL");
  to.transaction(() => {
    for (const { type, sql } of schema) if (type === "table") to.script(sql as string);
    for (const { type, name } of schema) {
      if (type !== "table") continue;
      for (const row of from.query(`SELECT * FROM ${name as string}`)) {
        const values = Object.values(row) as SqlValue[];
        to.write(`INSERT INTO ${name as string} VALUES (${values.map(() => "?").join()})`, ...values);
      }
    }
    for (const { type, sql } of schema) if (type !== "table") to.script(sql as string);
  });
  return to;
}
