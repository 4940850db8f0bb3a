import { bounds } from "../../protocol/index.ts";
import type { DeadLetterRow, TimerRow } from "../../storage/port.ts";
import type { Environment } from "../environment.ts";
import type { Memory } from "../memory.ts";
import { letterCount, lettersIn } from "../effects/letters.ts";

/** The first number of a dead letter that is of a timer: after those of all effects that one event can cause. */
const firstNumber = bounds.effectsPerEventMax;
/** The last number that the id of an effect has. */
const lastNumber = 999;
const detail = JSON.stringify({ detail: "What is stored of this timer is damaged." });

/**
 * Makes a timer whose draft or pattern is damaged a dead letter, so that no other waits for it. Its id has the last event of
 * the log, and a number that no effect has. Returns false where there is no room: it has to wait.
 */
export function bury(environment: Environment, memory: Memory, incarnation: string, timer: TimerRow, now: number) {
  const { storage } = environment.ports;
  const live = memory.load(now);
  const { eventId } = live.head;
  const n = Math.max(firstNumber, lettersIn(storage).lastOf(eventId) + 1);
  if (n > lastNumber || letterCount(live, storage) >= bounds.deadLettersMax) return false;
  memory.write(now, (writes) => {
    lettersIn(storage).add(letterOf(timer, { eventId, n, incarnation, now }));
    live.deadLetters.added();
    live.timers.remove(writes, timer.key);
  });
  return true;
}

interface Place {
  readonly eventId: number;
  readonly n: number;
  readonly incarnation: string;
  readonly now: number;
}

function letterOf({ key, dueAt, type, version, payload, recurs, correlationId, hops }: TimerRow, place: Place) {
  const { eventId, n, incarnation, now } = place;
  const content = {
    type,
    version,
    ...recurs,
    ...(payload === undefined ? {} : { payload: JSON.parse(payload) as unknown }),
  };
  return {
    eventId,
    n,
    incarnation,
    kind: "timer",
    destination: key,
    body: JSON.stringify(content),
    correlationId,
    hops,
    createdAt: dueAt,
    queuedAt: dueAt,
    diedAt: now,
    reason: "damaged",
    detail,
  } satisfies DeadLetterRow & { body: string };
}
