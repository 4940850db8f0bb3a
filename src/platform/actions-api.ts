/** Flat, so that they can be shown as a table; what is deeper is JSON text. */
export type ActionDetails = Record<string, string | number | boolean>;

/** What an administrator does. */
export interface AdminAction {
  /** Who: the principal. */
  principal: string;
  /** What, as `limits.set`. */
  action: string;
  /** The partition, where it is about one. */
  partition?: string;
  /** Why, as the administrator says it. */
  reason?: string;
  /** What exactly. */
  details?: ActionDetails;
  traceId: string;
}

/** One that was noted. */
export interface NotedAction extends AdminAction {
  /** Its number. They have no gap, so that it shows what was deleted. */
  seq: number;
  /** Milliseconds since 1970. */
  at: number;
}
