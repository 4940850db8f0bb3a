import { compensationOf } from "../../model/compensate.ts";
import type { AnyModel, Compensation, ModelEvent, State, UndoBlock } from "../../model/index.ts";
import { type Write, type Writes, writesOf } from "../../model/writes.ts";

/** A value that a draft takes out of the state. */
export interface Taken {
  readonly write: Write;
  /** The value as text; of two numbers their difference, because that of an increment stays the same. */
  readonly text: string;
  /** Whether the draft that is undone has put it there. */
  readonly own: boolean;
}

/** How a draft is undone. */
export interface Reversal {
  /** As the model declares them, in their order. */
  readonly drafts: readonly Compensation[];
  /** What each of them would have taken out of the state directly after the draft. Absent: it was not accepted then. */
  readonly taken: readonly (readonly Taken[])[];
  /** The state in which it was computed: the containers of another one are not comparable. Undefined: they are not compared. */
  readonly state: State<object> | undefined;
}

/** Runs `apply`, which applies `event` to `state`. Returns how it is undone, and what it has written. */
export function reversalOf(
  model: AnyModel,
  state: State<object>,
  event: ModelEvent<unknown>,
  apply: () => unknown,
): { reversal: Reversal | UndoBlock | undefined; writes: Writes } {
  const drafts = declaredBy(model, state, event);
  const writes = writesOf(state, apply);
  if (!Array.isArray(drafts)) return { reversal: drafts, writes };
  const taken: Taken[][] = [];
  const { position } = state;
  try {
    for (const { type, payload } of drafts) {
      const { reduce } = model.eventType(type)!;
      const back = () => state.change((view) => reduce(view, { ...event, type, payload }, state.context));
      taken.push(takenBy(writesOf(state, back), writes.all));
    }
  } catch {
    // It does not fit this state: whether it fits a later one is seen then.
  } finally {
    state.undoTo(position);
  }
  return { reversal: { drafts, taken, state }, writes };
}

function declaredBy(model: AnyModel, state: State<object>, event: ModelEvent<unknown>) {
  try {
    return compensationOf(model, state, event);
  } catch {
    return "irreversible";
  }
}

/** What `writes` have taken out of the state; `own`: the writes of the draft that is undone. Without them everything is its own. */
export function takenBy({ all, lost }: Writes, own?: readonly Write[]): Taken[] {
  return all
    .filter(({ old, value }) => old !== value)
    .map((write) => {
      const { container, key, old, value } = write;
      const isOwn = own?.some((one) => one.container === container && one.key === key && one.value === old);
      return { write, text: textOf(old, value, lost), own: isOwn ?? true };
    });
}

function textOf(old: unknown, value: unknown, lost: ReadonlySet<unknown>): string {
  if (typeof old === "number" && typeof value === "number") return `+${value - old}`;
  if (old === undefined) return "";
  // What is only moved is not lost.
  return typeof old !== "object" || old === null || lost.has(old) ? textOfJson(old) : "moved";
}

/** JSON text that does not depend on the order of keys. Made here, because what this file would import from the core would split that. */
export function textOfJson(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value, sorted);
}

function sorted(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
