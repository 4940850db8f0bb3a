import { draftBounds } from "./draft-bounds.ts";

/** Every bound of the wire, in one place. A number without a source named beside it is our own choice. */
export const bounds = {
  ...draftBounds,
  /** A state, as JSON text: it is in memory as a whole, and an isolate has 128 MB. */
  stateBytesMax: 16 * 1024 * 1024,
  /**
   * Frames of one window: one transaction, one frame to each connection. At least this many, and more for each
   * listener that it is delivered to, because that is what a larger window saves (measured: docs/decisions/0002-windows.md).
   */
  windowWorkMin: 32,
  windowWorkPerListener: 4,
  windowWorkMax: 512,
  /** Frames of one connection in a window: what it can delay the others by. */
  windowWorkPerConnectionMax: 64,
  /** Frames that wait for their window, of all connections together, in number and in bytes. */
  queueWorkMax: 8_192,
  queueBytesMax: 16 * 1024 * 1024,
  /** Frames of one connection that wait for their window. */
  queueWorkPerConnectionMax: 1_024,
  /** Bytes of one frame to a client; one message always fits. */
  sentFrameBytesMax: 1024 * 1024,
  /** The credit that a client may ask for, in bytes. */
  creditBytesMin: 64 * 1024,
  creditBytesMax: 16 * 1024 * 1024,
  /** Bytes sent to a client without credit from which no sign of life came meanwhile. */
  unreadBytesMax: 16 * 1024 * 1024,
  /** Streams over HTTP that a partition holds open at once: each keeps it from hibernating, and for each `streamUnreadMax` may wait. */
  streamsMax: 50,
  /** What waits for the reader of such a stream, in UTF-16 units, besides what is being written: a page, and the credit of our client. */
  streamUnreadMax: 2 * 1024 * 1024,
  /** A request that carries frames, in UTF-8 bytes, and how many of them. */
  postedBytesMax: 1024 * 1024,
  postedFramesMax: 1_024,
  /** What a connection shows of itself, as JSON text in UTF-8 bytes: it has to fit into the socket's attachment, of 16 KiB. */
  presenceBytesMax: 2 * 1024,
  /** How often presence is told, at the most: what changes meanwhile is one message to each connection. */
  presenceIntervalMs: 50,
  /** Peers whose presence is told, of a partition; a message with all of them fits a frame. */
  peersMax: 256,
  /** Characters of an event type. */
  typeLengthMax: 128,
  /** Events of a page: what `sync` without `limit` gets, and the range that `limit` is clamped to. */
  pageEventsDefault: 500,
  pageEventsMax: 1_000,
  /** Bytes of a page; one event always fits, whatever its size. */
  pageBytesMax: 1024 * 1024,
  /** A snapshot above this size does not travel in `sync_response`; the client gets the events instead. */
  syncSnapshotBytesMax: 1024 * 1024,
  /** How far behind the head an `expectedEventId` may be: the events between are looked at one by one. */
  conflictEventsMax: 1_000,
  /** How many event ids a conflict names. */
  conflictIdsMax: 20,
  /** Rejections that are remembered of one principal, of a partition: what else would be rejected has to wait. */
  rejectionsPerPrincipalMax: 50_000,
  /** How many events `GET state?at=` replays before it refuses. */
  replayEventsMax: 10_000,
  /** Revocations that are in force in a tenant; each ends with the tokens that it is about. */
  revocationsMax: 10_000,
  /** Tickets that wait to be used: of a tenant, and of one principal. */
  ticketsMax: 10_000,
  ticketsPerPrincipalMax: 16,
  /** Frames of a connection that wait while its token is being verified, or its partition counted: as many as wait for a window. */
  framesBehindTokenMax: 1_024,
  /** UTF-16 units, or bytes, of such frames; and where nobody knows yet who sends them. */
  bytesBehindTokenMax: 1024 * 1024,
  strangerBytesMax: 128 * 1024,
  /** Connections to a partition that have not brought their token yet. */
  strangersMax: 64,
  /** Characters of a WebSocket close reason: 123 UTF-8 bytes (RFC 6455, 5.5), at up to three a character. */
  closeReasonLengthMax: 41,
} as const;
