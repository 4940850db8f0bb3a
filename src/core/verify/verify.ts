import { ViewLost } from "../../model/state-view.ts";
import { WeighedState } from "../../model/weighed-state.ts";
import type { Failure } from "../../protocol/index.ts";
import { costOfFold } from "../cost.ts";
import type { Environment } from "../environment.ts";
import { isFault } from "../faults.ts";
import { foldRow, logRange } from "../fold.ts";
import type { Live } from "../live.ts";
import type { Memory } from "../memory.ts";
import { modelTag } from "../model-tag.ts";
import { Refusal } from "../refusal.ts";
import type { Steps } from "../steps.ts";
import { digestSteps } from "./digest.ts";
import type { Finding } from "./finding.ts";
import type { SegmentCheck } from "./segments.ts";

/** How far a log is verified, and what was found. */
export interface Verified {
  /** All events up to this one are there, in order, and can be folded. */
  eventId: number;
  /** What else was compared: the state at the head, a snapshot, sealed segments, the effects that wait. */
  readonly compared: string[];
  readonly findings: Finding[];
}

/** What is done in one step, in the units of `State.work`: about a millisecond. */
const stepWork = 2_048;

/** How often the state at the head is compared where it changes too much meanwhile. */
const attemptsMax = 5;

const tooBusy: Failure = {
  code: "overloaded",
  detail: `The log can be folded, but the state has changed too much while it was compared, ${attemptsMax} times.`,
  retryAfter: 60,
};

const noRoom: Failure = {
  code: "too_expensive",
  detail: "Beside the state there is not enough memory to fold the log a second time.",
};

/**
 * Folds the log from its first event, and compares with it what derives from it: the newest snapshot, the segments of the
 * audit, the state in memory, and the effects that wait. In steps: the partition goes on meanwhile, and what is committed
 * meanwhile is verified, too.
 *
 * @throws Refusal where there is not enough memory, the state is being rebuilt, or it changes too fast to be compared.
 */
export function* verifySteps(
  environment: Environment,
  memory: Memory,
  verified: Verified,
  now: () => number,
  segments: SegmentCheck | undefined,
): Steps<void> {
  const state = new WeighedState<object>(environment.model.initialState());
  for (let attempt = 1; ; attempt++) {
    if (!(yield* foldToHead(environment, memory, state, verified, now, segments))) return;
    // Both views are of this turn.
    const live = soundOf(memory, now());
    const [folded, present] = [state.view(), live.fold.state.view()];
    const findings = outboxFindings(environment, live);
    try {
      // First: it is lost where much changes meanwhile.
      const digest = yield* digestSteps(present);
      if ((yield* digestSteps(folded)) !== digest) {
        findings.push({ eventId: verified.eventId, detail: "The state in memory is not the fold of the log." });
      }
    } catch (error) {
      if (!(error instanceof ViewLost)) throw error;
      if (attempt === attemptsMax) throw new Refusal(tooBusy);
      // Another attempt folds no more than what was committed during this one.
      continue;
    } finally {
      // Where nobody goes on, the state would keep for it what changes.
      present.close();
      folded.close();
    }
    if (segments && segments.compared > 0) verified.compared.push("segments");
    verified.compared.push("effects", "state");
    verified.findings.push(...findings);
    return;
  }
}

/** Folds what was not folded yet, up to the head. Returns whether all of it can be folded. */
function* foldToHead(
  environment: Environment,
  memory: Memory,
  state: WeighedState<object>,
  verified: Verified,
  now: () => number,
  segments: SegmentCheck | undefined,
): Steps<boolean> {
  const { storage } = environment.ports;
  let snapshotAt = newestSnapshot(environment);
  let work = 0;
  try {
    for (let live = soundOf(memory, now()); verified.eventId < live.head.eventId; live = soundOf(memory, now())) {
      for (const row of logRange(storage, verified.eventId, live.head.eventId)) {
        foldRow(environment, state, row);
        state.forget();
        verified.eventId = row.eventId;
        work += costOfFold(row.payloadBytes) + (segments?.add(row, verified.findings) ?? 0);
        if (row.eventId === snapshotAt) {
          yield* compareSnapshot(environment, state, row.eventId, verified);
          // A newer one may have replaced it meanwhile.
          snapshotAt = newestSnapshot(environment);
        }
        if (work < stepWork) continue;
        yield work;
        work = 0;
        assertRoom(memory, state, now());
      }
    }
    return true;
  } catch (error) {
    if (!isFault(error)) throw error;
    const { eventId, message } = error;
    verified.findings.push({ ...(eventId === undefined ? {} : { eventId }), detail: message });
    return false;
  }
}

function newestSnapshot({ model, ports }: Environment): number | undefined {
  return ports.storage.snapshots.latest(model.version, modelTag(model))?.eventId;
}

/** @throws Refusal where the state is behind the log. A fault of the log is found when it is folded. */
function soundOf(memory: Memory, now: number): Live {
  const live = memory.load(now);
  if (!live.fold.fault) live.fold.assertSound();
  return live;
}

/** @throws Refusal where the second state does not fit. */
function assertRoom(memory: Memory, state: WeighedState<object>, now: number): void {
  if (!memory.load(now).fold.hasRoom(state.weight)) throw new Refusal(noRoom);
}

function* compareSnapshot(
  environment: Environment,
  state: WeighedState<object>,
  eventId: number,
  { compared, findings }: Verified,
): Steps<void> {
  try {
    const stored = yield* digestSteps(environment.ports.storage.snapshots.pieces(eventId));
    if (stored !== (yield* digestSteps(state.view()))) {
      findings.push({ eventId, detail: "The snapshot is not the fold of the log up to its event." });
    }
    compared.push("snapshot");
  } catch (error) {
    if (!isFault(error)) throw error;
    // A newer one has replaced it, and its chunks are gone.
    if (newestSnapshot(environment) !== eventId) return;
    findings.push({ eventId, detail: `The snapshot is damaged: ${error.message}.` });
  }
}

/** Each effect that waits was caused by an event of the log, and is in memory. */
function outboxFindings({ ports }: Environment, { outbox, head }: Live): Finding[] {
  const findings: Finding[] = [];
  const waiting = ports.storage.outbox.waiting();
  const stray = waiting.find(({ eventId }) => eventId > head.eventId);
  if (stray) findings.push({ eventId: stray.eventId, detail: "An effect waits that no event of the log has caused." });
  if (waiting.length !== outbox.rows) findings.push({ detail: "The effects that wait are not those in memory." });
  return findings;
}
