import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { problemTexts } from "../../src/edge/problem-texts.ts";
import { type ErrorCode, errorStatuses, isRetryable, isVerdict } from "../../src/protocol/errors.ts";

const protocol = readFileSync(new URL("../../docs/PROTOCOL.md", import.meta.url), "utf8");

describe("docs/PROTOCOL.md", () => {
  it("[ER-4] says of every error code what its page says", () => {
    const rows = protocol.matchAll(/^\| `([a-z_]+)` \| \d{3} \| (?:yes|no) \| (?:yes|no) \| (.+) \|$/gm);
    expect(Object.fromEntries([...rows].map(([, code, text]) => [code, text]))).toEqual(problemTexts);
  });

  it("[ER-4] documents every error code as the table has it, and no other", () => {
    const rows = [...protocol.matchAll(/^\| `([a-z_]+)` \| (\d{3}) \| (yes|no) \| (yes|no) \| (.+) \|$/gm)];
    const documented = Object.fromEntries(
      rows.map(([, code, status, retryable, stored]) => [
        code,
        { status: Number(status), retryable: retryable === "yes", verdict: stored === "yes" },
      ]),
    );
    const actual = Object.fromEntries(
      (Object.keys(errorStatuses) as ErrorCode[]).map((code) => [
        code,
        { status: errorStatuses[code], retryable: isRetryable(code), verdict: isVerdict(code) },
      ]),
    );
    expect(documented).toEqual(actual);
  });
});
