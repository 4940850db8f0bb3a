/** How long the client waits for what, in milliseconds. */
export interface Timing {
  /** For `connected`, from the beginning of an attempt. */
  connectMs: number;
  /** Silence after which it asks whether the other side is there; the answer does not wake a sleeping partition. */
  heartbeatMs: number;
  /** For that answer; then the connection is taken for dead. */
  heartbeatAnswerMs: number;
  /** For a verdict or a page; then the connection is taken for broken, and everything is sent again on a new one. */
  answerMs: number;
}

export const defaultTiming: Timing = {
  connectMs: 10_000,
  heartbeatMs: 20_000,
  heartbeatAnswerMs: 10_000,
  answerMs: 20_000,
};
