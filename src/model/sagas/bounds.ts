/** The bounds of sagas. A number without a source named beside it is our own choice. */
export const sagaBounds = {
  /** Steps of a saga. */
  stepsMax: 16,
  /** Attempts of a step after the first one: fewer than `asksMax`, so that a step is given up before its saga fails. */
  retriesMax: 8,
  /** How long an attempt is waited for, in milliseconds: unless the step says it, at least (that of a timer), and at most. */
  timeoutMs: 30_000,
  timeoutMsMin: 1_000,
  timeoutMsMax: 24 * 60 * 60_000,
  /** The pause before a rejected step is attempted again, in milliseconds; it doubles up to the maximum. */
  pauseMs: 1_000,
  pauseMsMax: 10 * 60_000,
  /**
   * How often the result of one attempt is asked for, with pauses that double up to 16 times the timeout: then the saga fails.
   * With a timeout of 30 seconds that takes 64 minutes, with one of 10 minutes most of a day, for which effects are retried.
   */
  asksMax: 12,
  asksDoubleMax: 4,
  /** Sagas of a partition that have not ended: each has a timer, and the other half of `timersMax` is for the application. */
  openMax: 5_000,
  /** The input of a saga, as JSON text in UTF-8 bytes: what is larger belongs into a storage of its own, with its address here. */
  inputBytesMax: 16 * 1024,
  /**
   * What open sagas take in memory as they are charged, in bytes, of the 40 MiB of a state. It is enough for `openMax` sagas
   * with inputs of a dozen short fields.
   */
  openBytesMax: 24 * 1024 * 1024,
  /** Sagas that have ended and that are kept, the newest; and what they take in memory as they are charged, in bytes. */
  endedMax: 1_000,
  endedBytesMax: 4 * 1024 * 1024,
  /**
   * What an open saga takes besides when it goes on: its two problems, and the fields that it does not have at its start. That
   * is left for it in the state, so that it can end.
   */
  progressBytes: 1_800,
  /** Characters of the code and the detail of a problem that are kept in the state; its event has all of them. */
  problemCodeLengthMax: 64,
  problemDetailLengthMax: 256,
  /** What a step sends, as JSON text in UTF-8 bytes: `effectBytesMax` without what is added to it. */
  actionBytesMax: 62 * 1024,
  /** Sagas on a page, and those that are looked at for it: a page with a filter can have fewer, and still a next one. */
  pageMax: 100,
  pageScannedMax: 500,
} as const;
