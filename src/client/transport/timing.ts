/** The timeouts of the client, in milliseconds. */
export interface Timing {
  /** From the start of an attempt to the answer `connected`. */
  connectMs: number;
  /** Silence after which the client sends a heartbeat. The answer does not wake a hibernating partition. */
  heartbeatMs: number;
  /** From a heartbeat to its answer. After that the connection counts as lost. */
  heartbeatAnswerMs: number;
  /** For a verdict or a page. After that the connection counts as lost, and undecided drafts are sent again on a new one. */
  answerMs: number;
  /** For a call of the store, while the page is not frozen. After that drafts are kept in memory, until the store answers. */
  storeMs: number;
  /**
   * About how often a client with a store that survives a reload compares its state with the server's by itself, while it is
   * open; besides, once after a start that was behind by 1,000 events. It fetches a state that differs. 0: never. Default: a day.
   */
  verifyMs?: number;
}

export const defaultTiming: Timing = {
  connectMs: 10_000,
  heartbeatMs: 20_000,
  heartbeatAnswerMs: 10_000,
  answerMs: 20_000,
  storeMs: 1_000,
};
