import type { ModelEvent, State } from "../../model/index.ts";
import type { QueuedDraft } from "../stores/store.ts";

/** Records how a pending entry can be undone. */
export interface Recorder {
  /** Runs `apply`, which applies `draft` as `event` to `state`. The payload of `event` has the model's current version. */
  record(state: State<object>, event: ModelEvent<unknown>, apply: () => unknown, draft: QueuedDraft): void;
}
