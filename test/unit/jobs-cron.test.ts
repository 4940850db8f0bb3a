import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextOccurrence } from "../../src/core/timers/cron.ts";
import { jobsEffects } from "../../src/models/jobs/effects.ts";
import { jobs } from "../../src/models/jobs/index.ts";
import { cron } from "../../src/models/jobs/shapes.ts";
import { TestPartition } from "../support/partition.ts";

const isTaken = (pattern: string) => cron.safeParse(pattern).success;

/** Numbers that fields have, that they nearly have, and that they do not have. */
const number = fc.oneof(
  { weight: 6, arbitrary: fc.nat(7).map(String) },
  { weight: 2, arbitrary: fc.nat(70).map(String) },
  { weight: 1, arbitrary: fc.constantFrom("00", "09", "24", "29", "30", "31", "32", "60", "99", "100") },
);
const start = fc.oneof(
  { weight: 4, arbitrary: fc.constant("*") },
  { weight: 4, arbitrary: number },
  { weight: 4, arbitrary: fc.tuple(number, number).map(([from, to]) => `${from}-${to}`) },
);
const stray = fc.constantFrom("x", "L", "W", "5", "-3", "\n", " ", "\u00a0", "\u0663", "#1", "?", "/", ",", "+");
const part = fc
  .tuple(start, fc.option(number, { nil: undefined, freq: 2 }), fc.option(stray, { nil: undefined, freq: 20 }))
  .map(([of, step, after = ""]) => `${of}${step === undefined ? "" : `/${step}`}${after}`);
const field = fc.oneof(
  { weight: 8, arbitrary: fc.constant("*") },
  { weight: 4, arbitrary: fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(",")) },
);
const pattern = fc.tuple(field, field, field, field, field).map((fields) => fields.join(" "));

describe("the pattern of a schedule of jobs", () => {
  it("[JB-1] is one that its timer takes and that has times, whenever it is set", () => {
    let taken = 0;
    fc.assert(
      fc.property(pattern, fc.integer({ min: 0, max: 4_000_000_000_000 }), (given, now) => {
        if (!isTaken(given)) return;
        taken++;
        expect(nextOccurrence({ cron: given, timeZone: "Europe/Zurich" }, now)).toBeGreaterThan(now);
      }),
      { numRuns: 5_000 },
    );
    expect(taken).toBeGreaterThan(250);
  });

  it.each([
    "*x * * * *",
    "*5 * * * *",
    "*-3 * * * *",
    "*L * * * *",
    "*/99 * * * *",
    "1-2/61 * * * *",
    "* */25 * * *",
    "* * * * */8",
    "0 0 30,*/40 2 *",
    "0 0 31 4-4 *",
    "0 0 30-31 2 *",
    "*\n * * * *",
    "* * * * *\u00a0",
    "* * * * *\n",
    "* * * * \u0663",
    `${"0,".repeat(252)}0 * * * *`,
  ])("[JB-1] [MD-9] is refused at its field where it is %j", (given) => {
    const room = new TestPartition({ model: jobs, effects: jobsEffects });
    const payload = { schedule: "s", cron: given, timeZone: "UTC", payload: {} };
    const answer = room.client("operator").submit("draft-1", "schedule", payload);
    expect(answer.payload).toMatchObject({
      code: "validation_failed",
      errors: [{ field: "payload.cron", code: "SCHEMA_ERROR" }],
    });
  });

  it("[JB-1] can list all numbers of all fields", () => {
    const list = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at).join(",");
    expect(isTaken(`${list(0, 59)} ${list(0, 23)} ${list(1, 31)} ${list(1, 12)} ${list(0, 7)}`)).toBe(true);
  });
});
