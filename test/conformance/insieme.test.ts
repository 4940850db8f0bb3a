import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { TestPartition } from "../support/partition.ts";

// The cases of the Insieme library 0.0.8 (see README.md here), each through the complete wire.

interface Case {
  case: string;
  in: unknown[];
  out?: unknown;
  throws?: string;
}

/** The cases that the library silently ignores or corrupts, and our answer. */
const rejectedHere: Record<string, string> = {
  "add node to non-existent parent": "PARENT_NOT_FOUND",
  "update non-existent node": "NODE_NOT_FOUND",
};

function casesOf(name: string): Case[] {
  const text = readFileSync(new URL(`insieme-0.0.8/${name}.spec.yaml`, import.meta.url), "utf8");
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Partial<Case>)
    .filter((document): document is Case => document.case !== undefined);
}

/** YAML has no undefined: the text "undefined" stands for a member that JSON does not have. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== "undefined")
      .map(([key, member]) => [key, withoutUndefined(member)]),
  );
}

describe.each(["init", "set", "treePush", "treeUpdate"])("%s", (type) => {
  it.each(casesOf(type))("[MD-9] $case", (testCase) => {
    const [before, payload] = testCase.in.map(withoutUndefined) as [object, object];
    const room = new TestPartition();
    const client = room.client("a");
    if (type !== "init") client.submit("given", "init", { value: before });
    const answer = client.submit("draft", type, payload);

    const code = rejectedHere[testCase.case];
    if (code !== undefined) {
      expect(answer.payload.errors[0].code).toBe(code);
      expect(room.state()).toEqual(before);
    } else if (testCase.throws !== undefined || !("value" in payload)) {
      expect(answer.payload.errors[0].code).toBe("SCHEMA_ERROR");
      expect(room.state()).toEqual(before);
    } else {
      expect(answer.type).toBe("event_accepted");
      expect(room.state()).toEqual(withoutUndefined(testCase.out));
      room.restart();
      expect(room.state()).toEqual(withoutUndefined(testCase.out));
    }
  });
});

describe("validation", () => {
  it.each(casesOf("validation"))("[MD-9] $case", (testCase) => {
    const [type, payload] = testCase.in as [string, object];
    const answer = new TestPartition().client("a").submit("draft", type, payload);
    const schemaErrors = (answer.payload.errors ?? []).filter(
      (error: { code: string }) => error.code === "SCHEMA_ERROR",
    );
    // The library accepts unknown types and fails later; an authority rejects them at once.
    if (testCase.case === "unknown event type passes validation")
      expect(answer.payload.reason).toBe("unknown_event_type");
    else if (testCase.throws !== undefined) expect(schemaErrors).not.toEqual([]);
    else expect(schemaErrors).toEqual([]);
  });
});
