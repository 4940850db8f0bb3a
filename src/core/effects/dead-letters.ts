import type { SubmitEffect } from "../../model/effects.ts";
import { type Failure, utf8Length } from "../../protocol/index.ts";
import {
  type DeadLetterRow,
  type DeadLettersTable,
  effectIdOf,
  type OutboxKey,
  type OutboxRow,
} from "../../storage/port.ts";
import type { Environment } from "../environment.ts";
import { rejectionRetentionMs } from "../jobs/sweep-records.ts";
import type { Memory } from "../memory.ts";
import { Refusal } from "../refusal.ts";
import { guard } from "./guard.ts";
import { outboxFull } from "./totals.ts";
import { lettersIn } from "./letters.ts";

const effectId = /^([0-9a-f]{16}):([1-9]\d{0,15}):(\d{1,3})$/;

/** The effects of a partition that were given up: an operator looks at them, has them sent again, or discards them. */
export class DeadLetters {
  readonly #environment: Environment;
  readonly #memory: Memory;

  constructor(environment: Environment, memory: Memory) {
    this.#environment = environment;
    this.#memory = memory;
  }

  /** Those after the effect `after` in the order of the log, at most `limit`; undefined: from the first. */
  list(after: string | undefined, limit: number, now: number): DeadLetterRow[] {
    this.#memory.load(now);
    const key = after === undefined ? { eventId: 0, n: 0 } : keyOf(after);
    return this.#letters.after(key, limit);
  }

  /** @throws Refusal where there is none of this id. */
  find(id: string, now: number): DeadLetterRow {
    this.#memory.load(now);
    const row = this.#letters.find(keyOf(id));
    if (!row || effectIdOf(row) !== id) throw new Refusal(noDeadLetter);
    return row;
  }

  /**
   * Has one delivered again, under its id, and before what its lane has later.
   *
   * @throws Refusal where there is none of this id, it cannot change what became of it, or there is no room.
   */
  replay(id: string, now: number): void {
    const row = this.find(id, now);
    const { kind, reason, diedAt: _, detail: __, body, ...effect } = row;
    if (reason === "rejected") throw new Refusal(decided);
    if (body === undefined || kind === "timer") throw new Refusal(damaged);
    if (kind === "submit" && (JSON.parse(body) as Pick<SubmitEffect, "step">).step) throw new Refusal(ofSaga);
    if (kind === "submit" && row.createdAt < now - rejectionRetentionMs) throw new Refusal(tooOld);
    if (this.#environment.ports.storage.outbox.find(row)) throw new Refusal(stillWaits);
    const live = this.#memory.load(now);
    const bytes = utf8Length(body);
    if (live.outbox.isFullWith(1, bytes)) throw new Refusal(outboxFull);
    const queued: OutboxRow = { ...effect, kind, body, queuedAt: now };
    this.#memory.write(now, (writes) => {
      this.#letters.remove(row);
      writes.outbox.add(queued);
      live.deadLetters.removed();
      const { eventId, n, destination } = queued;
      live.outbox.add({ eventId, n, kind, destination, bytes });
      guard(live, now);
    });
    this.#log("dead_letter_replayed", id, row);
  }

  get #letters(): DeadLettersTable {
    return lettersIn(this.#environment.ports.storage);
  }

  /** Deletes one, if there is one of this id. */
  discard(id: string, now: number): void {
    const live = this.#memory.load(now);
    const row = this.#letters.find(keyOf(id));
    if (!row || effectIdOf(row) !== id) return;
    this.#memory.write(now, () => {
      this.#letters.remove(row);
      live.deadLetters.removed();
    });
    this.#log("dead_letter_discarded", id, row);
  }

  #log(
    event: "dead_letter_replayed" | "dead_letter_discarded",
    effectId: string,
    { correlationId }: DeadLetterRow,
  ): void {
    const { name, ports } = this.#environment;
    ports.log(event, { ...name, effectId, correlationId });
  }
}

/** @throws Refusal where it is no id of an effect. */
function keyOf(id: string): OutboxKey {
  const [, , eventId, n] = effectId.exec(id) ?? [];
  if (eventId === undefined) throw new Refusal(noDeadLetter);
  return { eventId: Number(eventId), n: Number(n) };
}

const noDeadLetter: Failure = { code: "not_found", detail: "There is no dead letter of this id." };
const decided: Failure = {
  code: "not_replayable",
  detail:
    "It was rejected, and that is final: sent again it would get the same verdict. Cause another effect by another event.",
};
const ofSaga: Failure = {
  code: "not_replayable",
  detail: "It is a step of a saga, which may have gone on without it: resume the saga.",
};
const damaged: Failure = {
  code: "not_replayable",
  detail: "What is stored of it is damaged. Cause another effect by another event, and discard this one.",
};
const stillWaits: Failure = {
  code: "not_replayable",
  detail:
    "It still waits for other endpoints: send it again when it has been delivered to these, or is dead for them, too.",
};
const tooOld: Failure = {
  code: "not_replayable",
  detail: `It is older than ${rejectionRetentionMs / 86_400_000} days: its receiver may not know any more what it has decided.`,
};
