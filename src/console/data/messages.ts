import type { Problem } from "../../protocol/index.ts";

/** An event as the log shows it. */
export interface EventSummary {
  eventId: number;
  type: string;
  author: string;
  timestamp: number;
  /** The beginning of the payload as JSON text. */
  preview: string;
}

/** What the log is filtered by; an empty text: everything. */
export interface Filter {
  type: string;
  author: string;
  text: string;
}

/** A value of a state, as one row of the tree. */
export interface TreeNode {
  /** Its key in its parent, or a range of them as `100…199`. */
  key: string;
  path: NodePath;
  kind: "object" | "array" | "range" | "string" | "number" | "boolean" | "null";
  /** How many children it has; 0: none. */
  size: number;
  /** The value, or its beginning. */
  preview: string;
}

/** Keys from the root on; a range of children is its first and last index. */
export type NodePath = readonly (string | number | { from: number; to: number })[];

/** One difference between two states. */
export interface Change {
  /** As `files.tree[2].id`. */
  path: string;
  kind: "added" | "removed" | "changed";
  before?: string;
  after?: string;
}

/** The differences between two states. */
export interface Diff {
  changes: Change[];
  /** Whether there are more than can be shown. */
  more: boolean;
}

/** How far a state is folded that was asked for. */
export interface Folded {
  /** The last event that is in it. */
  eventIndex: number;
  /** The event that was asked for. */
  of: number;
}

/** What the page asks its worker for, and the answers. */
export interface Calls {
  open: { asked: { partition: string; token: string | undefined }; answer: { head: number } };
  events: { asked: { from: number; to: number }; answer: EventSummary[] };
  event: { asked: { eventId: number }; answer: LoggedEvent };
  /** Begins to filter; what is found comes as `found`. The last call counts. */
  filter: { asked: { filter: Filter | undefined }; answer: undefined };
  state: { asked: { at: number }; answer: TreeNode };
  children: { asked: { at: number; path: NodePath }; answer: TreeNode[] };
  /** The whole value as text, as far as it is bounded. */
  value: { asked: { at: number; path: NodePath }; answer: string };
  diff: { asked: { from: number; to: number }; answer: Diff };
}

/** A committed event, as the server gives it. */
export interface LoggedEvent {
  eventId: number;
  correlationId?: string;
  event: {
    type: string;
    payload: Record<string, unknown>;
    version?: number;
    partition: string;
    timestamp: number;
    clientId: string;
    author?: string;
    label?: string;
    userId?: string;
    meta?: Record<string, unknown>;
  };
}

export type CallName = keyof Calls;

/** From the page to the worker. */
export type ToWorker = { [Name in CallName]: { id: number; name: Name; asked: Calls[Name]["asked"] } }[CallName];

/** From the worker to the page: an answer, or news. */
export type FromWorker =
  | { kind: "answer"; id: number; answer: unknown }
  | { kind: "failed"; id: number; problem: Partial<Problem> }
  /** The log has grown, or cannot be followed now. */
  | { kind: "head"; head: number; live: boolean }
  /** A state is being folded. */
  | { kind: "folded"; folded: Folded }
  /** More event ids that a filter has found, the newest first. `scanned`: down to this event. */
  | { kind: "found"; ids: number[]; fresh: boolean; scanned: number; done: boolean };
