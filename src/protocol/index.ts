export { canonicalJson } from "./canonical.ts";
export { closeCode, isVerdict, problem, type ErrorCode, type Failure, type Problem } from "./errors.ts";
export { eventName, isId, isPartitionName } from "./ids.ts";
export { forbiddenKeys, formatPath, isJsonObject, type Json, type JsonObject } from "./json.ts";
export { draftLimits } from "./draft-limits.ts";
export { limits } from "./limits.ts";
export {
  batchShape,
  clientMessage,
  clientMessageTypes,
  eventShape,
  expectedEventIdShape,
  postedShape,
  type NumberedEvent,
  type ServerMessage,
  type WireBatchResult,
  type WireEvent,
} from "./messages.ts";
export { parseJson, type Violation } from "./scan.ts";
export { utf8Length } from "./utf8.ts";
export { violationsOf } from "./violations.ts";
