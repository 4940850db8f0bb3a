/**
 * The messages and the error codes of the wire, for programs that speak it without the client. docs/PROTOCOL.md describes
 * them.
 *
 * @module partita/wire
 */
export { draftBounds } from "./draft-bounds.ts";
export {
  endsConnection,
  errorStatuses,
  isRetryable,
  isVerdict,
  type EndingCode,
  type ErrorCode,
  type Problem,
} from "./errors.ts";
export { isId, isPartitionName } from "./ids.ts";
export type { Json, JsonObject } from "./json.ts";
export {
  batchShape,
  clientMessage,
  type ClientMessage,
  type ChunkedSnapshot,
  type NumberedEvent,
  type ServerMessage,
  type WireBatchResult,
  type WireEvent,
} from "./messages.ts";
export type { Violation } from "./scan.ts";
export { protocolVersion } from "./versions.ts";
