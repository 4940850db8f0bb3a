const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** The bounds of deliveries to endpoints. A number without a source named beside it is our own choice. */
export const courierBounds = {
  /** Of an address, in characters: what servers and proxies commonly accept. */
  urlLengthMax: 2_048,
  /** Event types in the filter of an endpoint. */
  typesMax: 64,
  /** Types that no endpoint takes, of which a partition reports each once. */
  unwantedTypesMax: 64,
  /** Rows of one `accept`. Their ids are kept, so that a batch that is handed over again is not delivered again. */
  acceptRowsMax: 128,
  /** How long a courier may take to store rows: less than the 30 s of a delivery, so that one that hangs holds up no other. */
  acceptMsMax: 10 * second,
  /** Ids of the last rows that a partition has handed over: two batches. */
  handedIdsMax: 256,
  /** How long they are kept: a partition hands over again what it has no receipt for within minutes. */
  handedMs: day,
  /** Rows of an endpoint that are not delivered, dead letters included, and their bytes. An object can store 10 GB. */
  rowsMax: 100_000,
  rowBytesMax: 512 * 1024 * 1024,
  /** Attempts at the same time. Platform fact: an invocation has six connections; calls to other objects need one. */
  attemptsMax: 4,
  /** The time of one attempt, its answer included, in milliseconds. */
  attemptMs: 10 * second,
  /** What is read of an answer, in bytes. */
  answerBytesMax: 64 * 1024,
  /** The delay after the first failure, and the longest one: each doubles, with full jitter. */
  retryMsMin: second,
  retryMsMax: 15 * minute,
  /** No delay is shorter, whatever the jitter: else an endpoint that fails would be asked again in the same moment. */
  retryMsFloor: 250,
  /** The longest `Retry-After` that is obeyed: a row is not delivered later than that. */
  retryAfterMsMax: day,
  /** A row that is not delivered by then becomes a dead letter: the time in which nothing can be sent does not count. */
  deliverMsMax: day,
  /**
   * A row that has been due for longer, while the breaker was closed, says that nothing was sent meanwhile: the object did
   * not run, or its tenant did not answer. All delays are shorter.
   */
  idleMsMax: hour,
  /** How long a dead letter is kept: as long as a partition promises to know a key. */
  deadLetterMs: 30 * day,
  /** Failures in a row that open the breaker. */
  breakerFailures: 5,
  /** How long it is open, the first time and at most: each time twice as long. */
  breakerMsMin: second,
  breakerMsMax: 5 * minute,
  /** An endpoint that only fails for this time is disabled. */
  disableAfterMs: 5 * day,
  /** How long a definition of the endpoint is used without asking the tenant, which also notifies of changes. */
  endpointMs: 30 * second,
  /**
   * How long a partition uses the routes of its tenant without asking again: so one that delivers all the time does not
   * call the tenant's object, which all partitions share, for each batch. An endpoint that is activated may get messages
   * that much later.
   */
  routesMs: 3 * second,
  /** How often a courier that may not send looks whether it may. */
  pausedPollMs: 5 * minute,
  /** The pause after the tenant or the storage has failed. */
  faultMs: 5 * second,
  /** The pause where the courier's own storage cannot be opened: somebody has to fix that. */
  reopenMs: minute,
  /** How often old rows are looked for: that reads all of them. */
  sweepMs: 10 * minute,
  /** The same where there are only dead letters. */
  deadLetterSweepMs: day,
  /** Rows that one step moves or deletes. */
  stepRowsMax: 500,
  /** Dead letters of one page. */
  pageMax: 100,
  /** How long the secret before a rotation still signs. */
  rotationMs: day,
} as const;
