export { type Annotations, annotationsOf } from "./annotations.ts";
export { type AuditedEvent, type AuditHead, leafText, segmentEvents } from "./audited.ts";
export { type Author, userIdOf } from "./author.ts";
export {
  endsConnection,
  errorStatuses,
  isRetryable,
  lacksRoom,
  isVerdict,
  partitionPath,
  partitionProblem,
  problem,
  type ProblemPlace,
  problemWith,
  titleOf,
  type EndingCode,
  type ErrorCode,
  type Failure,
  type Problem,
  type TracedFailure,
} from "./errors.ts";
export { eventName, isId, isPartitionName, partitionName } from "./ids.ts";
export { forbiddenKeys, formatPath, isJsonObject, type Json, type JsonObject } from "./json.ts";
export { draftBounds } from "./draft-bounds.ts";
export { bounds } from "./bounds.ts";
export {
  batchShape,
  clientMessage,
  clientMessageTypes,
  eventShape,
  expectedEventIdShape,
  isBareEvent,
  isSubmitEvent,
  pollShape,
  postedShape,
  type ChunkedSnapshot,
  type NumberedEvent,
  type ServerMessage,
  type WireBatchResult,
  type WireEvent,
} from "./messages.ts";
export { parseFrame } from "./frame.ts";
export { parseJson, type Violation } from "./scan.ts";
export { unsendableIn } from "./unsendable.ts";
export { exceedsUtf8, utf8Length } from "./utf8.ts";
export { protocolVersion } from "./versions.ts";
export { schemaError, violationsOf } from "./violations.ts";
export { defaultLimits, type Limits, noLimits, perMinute, type Rate } from "./limits.ts";
export { allows } from "./permissions.ts";
export {
  accountOf,
  importScope,
  insiemeScope,
  isReserved,
  isServerCode,
  systemAuthor,
  systemKinds,
} from "./principals.ts";
