import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { headerNotes } from "../../src/protocol/header-notes.ts";
import { headers, headersOfPages, internalHeaders } from "../../src/protocol/headers.ts";
import { logFields } from "../../src/protocol/log-fields.ts";

/** What the platform and the browser say of a request: it goes nowhere on. */
const ofThePlatform = ["access-control-request-method", "content-length", "host", "origin", "upgrade"];

describe("the table of headers", () => {
  it("[OB-1] has every header that the code reads by name", () => {
    const known = new Set([...Object.values(headers).map(({ name }) => name.toLowerCase()), ...ofThePlatform]);
    const read = new Set<string>();
    for (const layer of ["edge", "objects", "courier", "identity"]) {
      for (const path of readdirSync(join("src", layer), { recursive: true, encoding: "utf8" })) {
        if (!path.endsWith(".ts")) continue;
        const text = readFileSync(join("src", layer, path), "utf8");
        for (const [, name] of text.matchAll(/(?:headers\.(?:get|has)|\.header)\("([\w-]+)"\)/g)) read.add(name!);
      }
    }
    expect([...read].filter((name) => !known.has(name.toLowerCase()))).toEqual([]);
  });

  it("[OB-1] names fields that log lines have", () => {
    const fields = Object.values(headerNotes).flatMap(({ log }) => log ?? []);
    expect(fields.filter((field) => !(field in logFields))).toEqual([]);
  });

  it("[AU-7] lets pages send and read the documented ones, and never those of the edge", () => {
    expect(headersOfPages("request")).toEqual([
      "Authorization",
      "Content-Type",
      "Idempotency-Key",
      "Partita-Client-Id",
      "Partita-Reason",
      "If-None-Match",
      "Last-Event-ID",
      "traceparent",
      "tracestate",
    ]);
    expect(headersOfPages("response").toSorted()).toEqual(
      ["ETag", "Location", "Partita-Trace-Id", "RateLimit", "RateLimit-Policy", "Retry-After"].toSorted(),
    );
    expect(internalHeaders).toEqual(["partita-author", "partita-dialect", "partita-stream-author", "partita-stream"]);
  });
});
