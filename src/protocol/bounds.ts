import { draftBounds } from "./draft-bounds.ts";

/** Every bound of the wire, in one place. A number without a source named beside it is our own choice. */
export const bounds = {
  ...draftBounds,
  /** A state, by what it takes in memory: 100,000 items of a tree (docs/decisions/0009-memory.md). An isolate has 128 MB. */
  stateBytesMax: 40 * 1024 * 1024,
  /**
   * What a state may take beyond that by what goes on with what was accepted: timers, answers to effects, the progress of
   * sagas. A partition that is full would never end them otherwise.
   */
  stateReserveBytes: 2 * 1024 * 1024,
  /**
   * Frames of one window: one transaction, one frame to each connection. At least this many, because a commit costs its
   * pages whatever is in it, and more for each listener that it is delivered to (measured: docs/decisions/0002-windows.md).
   * Where nobody else uses the thread, and waits for its end, it may be longer.
   */
  windowWorkMin: 96,
  windowWorkAloneMin: 224,
  windowWorkPerListener: 4,
  windowWorkMax: 512,
  /**
   * A window waits for frames that are still coming in until its events take as long as to send it, and at most for that
   * long, in milliseconds for each listener: a frame to one takes 30 µs, an event 60 (measured: docs/decisions/0002-windows.md).
   */
  windowListenersPerFrame: 2,
  windowWaitMsPerListener: 0.03,
  /** Pseudonyms of principals that are in memory, an estimated 200 bytes each: to make another takes 3.2 µs (decision 0021). */
  pseudonymsKnownMax: 4_096,
  /** Frames of one connection in a window: they bound how much it can delay the others. */
  windowWorkPerConnectionMax: 64,
  /** Messages in one frame of a client: as many as it may have in a window. */
  frameMessagesMax: 64,
  /**
   * The work of a window, in the units of `State.work` (about half a microsecond each): for each frame that it has room
   * for, and of all of them. An ordinary event takes 60 to 100, so it is heavy frames that make a window shorter (measured:
   * docs/decisions/0015-turns.md).
   */
  windowUnitsPerWork: 128,
  windowUnitsMax: 32 * 1024,
  /** The work of one turn of an object, in the same units: about 2 ms. What comes after it waits for the next turn. */
  turnWorkMax: 4 * 1024,
  /**
   * Turns that follow each other by timers before the next one waits for real input or output. The platform may set the clock
   * to the next timer that is due, and run timers in the order of their times: a chain of timers then stops the clock, here for
   * about a tenth of a second, and for a second where every turn is a window of the largest size. Each wait costs: with 8
   * turns, 7 % of the throughput with 100 readers here, and more where the disk takes 5 to 13 ms as in production; with 64
   * about 1 % here (docs/decisions/0015-turns.md).
   */
  chainedTurnsMax: 64,
  /**
   * Frames of all connections together that wait for their window, in number and by what they take in memory once they
   * are decoded, in bytes (docs/decisions/0009-memory.md).
   */
  queueWorkMax: 8_192,
  queueBytesMax: 6 * 1024 * 1024,
  /** What decoded JSON takes in memory is at most this number times the UTF-16 units of its text: `{"ab":1},` takes 328 bytes and 12 for its place. */
  decodedBytesPerUnitMax: 38,
  /** Frames of one connection that wait for their window. */
  queueWorkPerConnectionMax: 1_024,
  /** Bytes of one frame to a client; one message always fits. */
  sentFrameBytesMax: 1024 * 1024,
  /** The credit that a client may ask for, in bytes. */
  creditBytesMin: 64 * 1024,
  creditBytesMax: 16 * 1024 * 1024,
  /** Bytes of broadcasts and presence sent to a client since its last sign of life. */
  unreadBytesMax: 16 * 1024 * 1024,
  /**
   * Outstanding bytes (sent, neither proven nor assumed to be read; docs/decisions/0011-outstanding.md) of a connection,
   * of a principal and of a partition. At a bound the frames of a connection wait, but not for the bounds that it shares
   * while it has less than `outstandingShareBytes` of its own.
   */
  outstandingBytesPerConnectionMax: 4 * 1024 * 1024,
  outstandingBytesPerPrincipalMax: 16 * 1024 * 1024,
  outstandingBytesMax: 64 * 1024 * 1024,
  outstandingShareBytes: 256 * 1024,
  /**
   * What clients that connect are sent at once of what they have missed, in bytes: with more under way, others have to come
   * again. Half of `outstandingBytesMax`: the other half is for the pages that follow.
   */
  catchUpBytesMax: 32 * 1024 * 1024,
  /** Who has missed at most this much is never refused: to come again would cost as much. 10,000 connections miss 156 MiB so, in the frames of some seconds. */
  catchUpBytesFree: 16 * 1024,
  /**
   * Each of them is given a turn within this time, in milliseconds: 480 MiB at the pace below. Those for whom that is too
   * short come again after it, and later at random. A turn that is not taken is kept for so long: our client comes within
   * 30 s of its time.
   */
  catchUpWaitMsMax: 30_000,
  catchUpTurnMsMax: 60_000,
  /** Turns that are kept, an estimated 300 bytes each; and those of one principal: as many as it may have connections. */
  catchUpTurnsMax: 4_096,
  catchUpTurnsPerPrincipalMax: 64,
  /** The pace at which a connection, all connections of a principal, and those of a partition are assumed to read, in bytes a second: 8 Mbit/s is a slow line today. */
  readBytesPerSecond: 1024 * 1024,
  readBytesPerSecondPerPrincipal: 4 * 1024 * 1024,
  readBytesPerSecondOfPartition: 16 * 1024 * 1024,
  /**
   * The pace at which a client is assumed to read whose wire has no acknowledgements, in bytes a second. A log that grows
   * faster for long is one for clients that acknowledge.
   */
  passiveReadBytesPerSecond: 4 * 1024 * 1024,
  /** Bytes sent to a connection without a proof that they were read: more end it. Sixty pages in a row fit. */
  unprovenBytesPerConnectionMax: 64 * 1024 * 1024,
  /** The same of all connections of a principal, of each what is beyond `outstandingBytesPerConnectionMax`. */
  unprovenBytesPerPrincipalMax: 128 * 1024 * 1024,
  /** Bytes sent to a connection since the last proof or probe, at which a probe follows: often enough for every bound above, and no cost beside them. */
  probeEveryBytes: 1024 * 1024,
  /** Requests of a connection that are being answered; at this many a reading request waits. A stream's queue holds their pages. */
  readsInFlightMax: 2,
  /**
   * What a draft that is being decided counts for, beside its own bytes, until its reply is known: the largest rejection
   * (20 violations), and of a batch for each draft one with a few. So the replies of what is being decided fit the bounds above.
   */
  replyBytesReserved: 16 * 1024,
  replyBytesReservedPerDraft: 4 * 1024,
  /** Open streams over HTTP of a partition: each prevents hibernation, and up to `streamUnreadMax` can wait for each. */
  streamsMax: 50,
  /** Those of one principal, where its connections are limited at all: a few tabs. */
  streamsPerPrincipalMax: 8,
  /** What waits for the reader of a stream, in UTF-16 units, without what is being written: a page, and the credit of our client. */
  streamUnreadMax: 2 * 1024 * 1024,
  /** A request that carries frames, in UTF-8 bytes, and how many of them. */
  postedBytesMax: 1024 * 1024,
  postedFramesMax: 1_024,
  /** Connections that one request polls: as many documents as a page has open, and more calls of objects than that are no work for one request. */
  pollConnectionsMax: 32,
  /** How long a poll waits, in milliseconds: less than the 30 s after which proxies give up, and an object cannot hibernate meanwhile. */
  holdMsMax: 25_000,
  /** How long a polled connection lives without a poll, in milliseconds: an answer of `pollAnswerUnitsMax` and one page arrives meanwhile over 1 Mbit/s. Its timer keeps the object awake no longer than a poll. */
  pollGapMsMax: 20_000,
  /** Frames that one connection is given in one answer, and those of all connections of a request, in UTF-16 units; one frame always fits. */
  polledUnitsMax: 512 * 1024,
  pollAnswerUnitsMax: 1024 * 1024,
  /** After one connection has news, how long the answer waits for the others, in milliseconds: one commit often concerns several. */
  pollGatherMs: 10,
  /** And for those whose objects have not answered at all, in milliseconds: one on another continent does, one that loads mostly does. */
  pollLateMsMax: 1_000,
  /** The shortest time between two presence messages: the changes in between are one message to each connection. */
  presenceIntervalMs: 50,
  /** Peers of a partition with presence; a message with all of them fits a frame. */
  peersMax: 256,
  /** Those of one principal, where its connections are limited at all. */
  peersPerPrincipalMax: 16,
  /**
   * A frame of a client of the Insieme wire, in UTF-8 bytes: it fills batches up to 64 KiB, counted with a shorter `msgId` than
   * it then sends.
   */
  insiemeFrameBytesMax: 66 * 1024,
  /** Characters of the label and of the user id of an event, and of a `msgId`. */
  annotationLengthMax: 256,
  /** The metadata of an event as JSON text, in UTF-8 bytes: a few values about its origin, not a second payload. */
  metaBytesMax: 4 * 1024,
  /** Characters of an event type. */
  typeLengthMax: 128,
  /** Events of a page: the default of `limit`, and its maximum. */
  pageEventsDefault: 500,
  pageEventsMax: 1_000,
  /** Bytes of a page; one event always fits, whatever its size. */
  pageBytesMax: 1024 * 1024,
  /** The smallest page that a reader can ask for, in bytes: smaller ones would be mostly requests. */
  pageBytesMin: 16 * 1024,
  /** Reads over HTTP that wait for their turn: as many as a principal may have waiting drafts. */
  readsWaitingMax: 1_024,
  /** What waits for the readers of all streams, in UTF-16 units: pages are smaller when more waits, and one of `streamPageBytesMin` is always given. */
  streamsUnreadMax: 2 * 1024 * 1024,
  streamPageBytesMin: 64 * 1024,
  /** How many large states are sent over HTTP at once: each takes a piece, and what its view keeps. */
  stateReadersMax: 8,
  /** What one view of the state keeps of what has changed since it was opened, in bytes, and what all of them keep; with more the largest is lost. */
  viewSavedBytesMax: 4 * 1024 * 1024,
  viewsSavedBytesMax: 6 * 1024 * 1024,
  /** A state that takes more in memory is sent as chunks of a snapshot to who asked for chunks: a smaller one costs less in one message. */
  inlineStateBytesMax: 256 * 1024,
  /** A state in one message, in UTF-16 units of its text: what a state could have before it was weighed. */
  inlineStateUnitsMax: 16 * 1024 * 1024,
  /**
   * A state together with what is made of it as a whole, in bytes: its text in one message, which is in memory twice while
   * it is sent, and the state of an earlier event. So both can have what the state itself leaves, and 6 MiB in any case.
   */
  stateAndCopiesBytesMax: 48 * 1024 * 1024,
  /** A larger snapshot is not sent in `sync_response`; the client receives the events instead. */
  syncSnapshotBytesMax: 1024 * 1024,
  /**
   * How far behind the head an `expectedEventId` may be, in events and in bytes of their payloads: each event in
   * between is checked. They are read once and remembered (measured: docs/decisions/0010-reads.md).
   */
  conflictEventsMax: 1_000,
  conflictBytesMax: 2 * 1024 * 1024,
  /**
   * The work of one draft, and of an atomic batch, in the units of `State.work`: about half a microsecond each, so
   * that no frame takes more than 50 ms (measured: docs/decisions/0008-work.md). An edit of a document takes tens.
   */
  draftWorkMax: 50_000,
  /**
   * The work of mapping one draft over what others have committed since, in the same units: half of a draft's. A letter over
   * 1,000 letters takes 16,000. Beyond it the draft is `too_stale`, and its client maps it.
   */
  transformWorkMax: 25_000,
  batchWorkMax: 100_000,
  /**
   * About how many proxies a state keeps from step to step, which are not weighed: 60 bytes each, 4 MiB. Those of all
   * containers of a state of 32 MiB would take 17 (measured: docs/decisions/0009-memory.md).
   */
  stateProxiesMax: 64 * 1024,
  /**
   * A submission costs its principal's rate one draft more for each full share of this much work: about 2 ms. So one
   * principal takes at most about 40 ms of a second for long (20 drafts).
   */
  rateUnitWork: 4 * 1024,
  /**
   * Of what is rejected the work counts this many times: it is undone, and it can be repeated, where what is removed was
   * inserted before, each part by a draft. So one principal takes about 5 ms of a second for long: a rejected batch that
   * removes 20,000 nodes takes 77 ms and 41,000 units, and 320 of its drafts (measured: docs/decisions/0015-turns.md).
   */
  rejectedWorkFactor: 32,
  /**
   * The work of one submission costs at most what the rate gives back in this time, in seconds: so a draft that removes a
   * whole state, or a rate of few drafts an hour, locks its principal out for a minute, and not for hours.
   */
  rateWorkSecondsMax: 60,
  /** How many event ids a conflict lists. */
  conflictIdsMax: 20,
  /**
   * Stored rejections of a partition and of one principal in it, in number and in bytes of their problems; beyond one of
   * these, a draft that would be rejected is refused as `rate_limited`. Counting them reads each row once in the
   * lifetime of an object (measured: 25 ms for 200,000, and 55 ms for 50,000 of one principal).
   */
  rejectionsMax: 200_000,
  rejectionBytesMax: 64 * 1024 * 1024,
  rejectionsPerPrincipalMax: 50_000,
  rejectionBytesPerPrincipalMax: 8 * 1024 * 1024,
  /**
   * The same for the server itself (timers, sagas, jobs, effects of other partitions), beside those of users, so that
   * neither stops the other: of all together, and of all timers, all sagas, all jobs or one partition that sends. With
   * more, the oldest are forgotten.
   */
  systemRejectionsMax: 50_000,
  systemRejectionBytesMax: 16 * 1024 * 1024,
  systemRejectionsPerSenderMax: 10_000,
  systemRejectionBytesPerSenderMax: 4 * 1024 * 1024,
  /**
   * Drafts of all timers, all sagas, all jobs or one partition that sends: at once as many as timers can be due after a
   * long sleep, and then a share of what an object commits in a second (about 410), so that a timer that always schedules
   * the next one leaves users the rest.
   */
  systemDraftsBurst: 10_000,
  systemDraftsPerSecond: 100,
  /** Characters of a failure's detail, and of the field and the message of a violation: a longer one is cut. A field can be as long as a frame. */
  detailLengthMax: 1_024,
  violationFieldLengthMax: 256,
  violationMessageLengthMax: 512,
  /** The log: payloads, and for each event `eventRowBytes` for its ids, its index entries and what SQLite adds. The platform has 10 GB for an object; snapshots and records need the rest. */
  logBytesMax: 8 * 1024 * 1024 * 1024,
  eventRowBytes: 512,
  /**
   * What `GET state?at=` replays before it refuses: events, and bytes of the snapshot that it begins with and of the
   * payloads after it, each of which can take `decodedBytesPerUnitMax` bytes in memory; `stateAndCopiesBytesMax` bounds that, too. Either takes up to about 35 ms here (docs/decisions/0010-reads.md).
   */
  replayEventsMax: 5_000,
  replayBytesMax: 1024 * 1024,
  /**
   * What one request of an operator folds for the state after any event: about 150 ms here, in turns. Who asks again goes
   * on. What is kept between requests: a state that takes at most so much, and texts of states on the way, in bytes; and
   * for how long without a request, in milliseconds.
   */
  travelEventsMax: 20_000,
  travelBytesMax: 4 * 1024 * 1024,
  travelKeptBytesMax: 4 * 1024 * 1024,
  travelMarksBytesMax: 4 * 1024 * 1024,
  travelKeptMsMax: 60_000,
  /**
   * How much of the log is folded when an object loads its state, in events, bytes of their payloads and units of
   * `State.work`: about half a second here, and more than follows most snapshots. A longer tail is folded by a job, in
   * slices of about 50 ms. After this many of them the state is stored, and another run begins: so none takes more than a
   * few of the 30 s of CPU that the platform has for one event (measured: docs/decisions/0014-rebuilding.md).
   */
  foldAtLoadEventsMax: 50_000,
  foldAtLoadBytesMax: 16 * 1024 * 1024,
  foldAtLoadWorkMax: 1_000_000,
  foldSliceEventsMax: 5_000,
  foldSliceBytesMax: 1024 * 1024,
  foldSliceWorkMax: 100_000,
  foldSlicesPerRunMax: 20,
  /**
   * The least time between two verifications that nobody asks for, in milliseconds; and what one alarm does of it, in
   * units of work: about a second here, of the 30 s of CPU that the platform has for one event.
   */
  verifyPeriodMs: 7 * 24 * 60 * 60 * 1_000,
  verifyWorkPerRunMax: 2_000_000,
  /** A larger state is not hashed. To hash as much takes 35 to 50 ms here, and is done once a second (docs/decisions/0010-reads.md). */
  hashStateBytesMax: 1.5 * 1024 * 1024,
  /** Bytes that one unit of a read stands for, see `Limits.reads`. */
  readUnitBytes: 4 * 1024,
  /** Revocations in force of a tenant; each is deleted when the tokens that it revokes have expired. */
  revocationsMax: 10_000,
  /** Unused tickets of a tenant, and of one principal. */
  ticketsMax: 10_000,
  /** Endpoints of a tenant: each effect is stored once for each that wants it. */
  endpointsMax: 32,
  /** Secrets of an endpoint that sign, that before each rotation of the last day included: a signature each in a header. */
  endpointSecretsMax: 8,
  ticketsPerPrincipalMax: 16,
  /** Frames of a connection that wait for the verification of its token, or for its tenant: as many as can wait for a window. */
  framesBehindTokenMax: 1_024,
  /** UTF-16 units, or bytes, of such frames; and of such frames before authentication. */
  bytesBehindTokenMax: 1024 * 1024,
  unauthenticatedBytesMax: 128 * 1024,
  /** What the frames of all connections take in memory that wait in this way, in bytes: with more, who holds most of them ends. */
  heldBytesMax: 4 * 1024 * 1024,
  /** The first frame of a connection, in UTF-16 units or bytes: a `connect` with the longest token fits twice. */
  firstFrameBytesMax: 16 * 1024,
  /** Connections to a partition that have not sent their token yet. */
  unauthenticatedMax: 64,
  /** How long a partition can be drained at once, in milliseconds. */
  drainMsMax: 10 * 60 * 1_000,
  /** Effects that one event causes, and those of one submission together. */
  effectsPerEventMax: 64,
  effectsPerBatchMax: 256,
  /** The JSON text of an effect, in UTF-8 bytes: as much as a client may submit; a message of the platform's queues has 128 KB. */
  effectBytesMax: 64 * 1024,
  /** Effects of a partition that wait, in number and in bytes: to load that many takes about 10 ms. With more, what would cause another one is not decided. */
  outboxRowsMax: 10_000,
  outboxBytesMax: 32 * 1024 * 1024,
  /**
   * What may wait beyond that, if effects of other partitions cause it: a tenth. So two partitions that are full of effects
   * for each other go on, because what one delivers makes room there: clients do not take it.
   */
  outboxReserveRows: 1_000,
  outboxReserveBytes: 4 * 1024 * 1024,
  /** Effects of one delivery, in number and in bytes: a batch of the platform's queues has 100 messages and 256 KB. */
  deliveryRowsMax: 50,
  deliveryBytesMax: 192 * 1024,
  /** The longest pause between two attempts to deliver, in milliseconds; and after this time an effect that could not be delivered is given up. */
  effectRetryMsMax: 10 * 60_000,
  effectAgeMsMax: 24 * 60 * 60_000,
  /** Failed attempts in a row, over about ten minutes, before an effect is given up, however old it is: of a day in which its tenant has stopped it nothing counts. */
  effectAttemptsMin: 10,
  /** Effects of a partition that were given up. With more, what would become another one waits. */
  deadLettersMax: 10_000,
  /** Rows of an answer about the inside of a partition: connections, timers, rejections, jobs, lanes. */
  inspectedMax: 100,
  /** Stored rejections that one request looks at: 5,000 of about 500 bytes are read in a few milliseconds. */
  rejectionsScannedMax: 5_000,
  /** Dead letters of a page. Their payloads are not in it. */
  deadLettersPageMax: 100,
  /** Figures that a model has of its state for metrics: each is two series. */
  modelGaugesMax: 16,
  /** Timers of a partition, in number and in bytes of their payloads: to load that many takes 10 to 20 ms. What would set another one is refused. */
  timersMax: 10_000,
  timersBytesMax: 16 * 1024 * 1024,
  /** How far ahead a timer is at least, in milliseconds, so that one that sets itself again is no loop; and at most, a century: the clocks of platforms end before 2262. */
  timerAheadMsMin: 1_000,
  timerAheadMsMax: 100 * 366 * 24 * 60 * 60 * 1_000,
  /** Timers that one alarm fires, in number, about 8 ms here, and in bytes of their payloads; one always fits. */
  timersFiredMax: 128,
  timersFiredBytesMax: 1024 * 1024,
  /** Effects that lead to each other, one after the other: a longer chain is a circle. */
  effectHopsMax: 16,
  /** Characters of a WebSocket close reason: 123 UTF-8 bytes (RFC 6455, 5.5), at up to three a character. */
  closeReasonLengthMax: 41,
} as const;
