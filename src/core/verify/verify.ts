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

const noRoom: Failure = {
  code: "too_expensive",
  detail: "Beside the state there is not enough memory to fold the log a second time.",
};

/**
 * Folds the log from its first event, and compares with it what derives from it: the newest snapshot, the segments of the
 * audit, the state in memory, and the effects that wait. In steps: the partition goes on meanwhile, and what is committed
 * meanwhile is verified, too.
 *
 * @throws Refusal where there is not enough memory, or the state is being rebuilt.
 */
export function* verifySteps(
  environment: Environment,
  memory: Memory,
  verified: Verified,
  now: () => number,
  segments: SegmentCheck | undefined,
): Steps<void> {
  const { model, ports } = environment;
  const { storage } = ports;
  const state = new WeighedState<object>(model.initialState());
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
  } catch (error) {
    if (!isFault(error)) throw error;
    const { eventId, message } = error;
    verified.findings.push({ ...(eventId === undefined ? {} : { eventId }), detail: message });
    return;
  }
  if (segments && segments.compared > 0) verified.compared.push("segments");
  const live = soundOf(memory, now());
  compareOutbox(environment, live, verified);
  // Both views are of this turn.
  const [folded, present] = [state.view(), live.fold.state.view()];
  try {
    if ((yield* digestSteps(folded)) !== (yield* digestSteps(present))) {
      verified.findings.push({ eventId: verified.eventId, detail: "The state in memory is not the fold of the log." });
    }
  } finally {
    // Where nobody goes on, the state would keep for it what changes.
    present.close();
  }
  verified.compared.push("state");
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
function compareOutbox({ ports }: Environment, { outbox, head }: Live, { compared, findings }: Verified): void {
  const waiting = ports.storage.outbox.waiting();
  const stray = waiting.find(({ eventId }) => eventId > head.eventId);
  if (stray) findings.push({ eventId: stray.eventId, detail: "An effect waits that no event of the log has caused." });
  if (waiting.length !== outbox.rows) findings.push({ detail: "The effects that wait are not those in memory." });
  compared.push("effects");
}
