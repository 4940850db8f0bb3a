import { describe, expect, it } from "vitest";
import { clientProblem } from "../../../src/client/sync/problem.ts";
import { errorStatuses, isRetryable, isVerdict, problem, type ErrorCode } from "../../../src/protocol/index.ts";

const at = { instance: "/v1/partitions/room", traceId: "0".repeat(32), timestamp: 1 };
const codes = Object.keys(errorStatuses) as ErrorCode[];
/** What ends a draft without a verdict. */
const final: ErrorCode[] = [
  "draft_failed",
  "state_too_large",
  "storage_full",
  "too_many_timers",
  "quota_exceeded",
  "internal",
];
const refused: ErrorCode[] = ["bad_request", "payload_too_large", "idempotency_key_reused"];

describe("the problems that a client makes", () => {
  it.each([...codes.filter(isVerdict), ...final, ...refused])("[ER-1] %s is as the server's", (code) => {
    const failure = { code, detail: "as it is" };
    expect(isRetryable(code)).toBe(false);
    expect(clientProblem(failure, at)).toEqual(problem(failure, at));
  });
});
