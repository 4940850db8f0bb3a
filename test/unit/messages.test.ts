import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  clientMessage,
  eventShape,
  isBareEvent,
  isSubmitEvent,
  type Json,
  type JsonObject,
  parseJson,
} from "../../src/protocol/index.ts";

/** Mostly what is asked for, and now and then anything, or nothing. */
const mostly = (value: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 20, arbitrary: value }, fc.jsonValue(), fc.constant(undefined));
const rarely = (value: fc.Arbitrary<unknown>) => fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, value);
const anId = fc.oneof(
  { weight: 20, arbitrary: fc.constant("d-1") },
  fc.string({ maxLength: 3 }),
  fc.constant("x".repeat(129)),
);
const event = fc.record({
  type: mostly(fc.string()),
  payload: mostly(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 2 })),
  version: rarely(fc.oneof(fc.nat(3), fc.double())),
  partition: rarely(mostly(fc.string())),
  more: rarely(fc.jsonValue()),
});
const frame = fc.record({
  id: mostly(anId),
  type: fc.oneof({ weight: 20, arbitrary: fc.constant("submit_event") }, fc.string(), fc.constant("heartbeat")),
  timestamp: mostly(fc.double({ noNaN: true, noDefaultInfinity: true })),
  payload: mostly(fc.record({ draftId: mostly(anId), event: mostly(event), expectedEventId: mostly(fc.nat()) })),
});

/** As it comes out of a frame; undefined where it would not have come through. */
function received(value: unknown): JsonObject | undefined {
  const parsed = parseJson(JSON.stringify(value));
  return parsed.ok ? (parsed.value as JsonObject) : undefined;
}

describe("shapes that are checked without their schema", () => {
  it("[WP-8] accepts exactly the drafts that the schema of messages accepts, with the same result", () => {
    let taken = 0;
    fc.assert(
      fc.property(frame, (sent) => {
        const value = received(sent);
        if (!value) return;
        const result = clientMessage.safeParse(value);
        const known = isSubmitEvent(value);
        expect(known).toBe(result.success && result.data.type === "submit_event");
        if (known) taken++;
        if (known && result.success) expect(value).toMatchObject(result.data as unknown as Record<string, Json>);
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(200);
  });

  it("[WP-8] accepts no event that its schema refuses, and none that states a version", () => {
    let taken = 0;
    fc.assert(
      fc.property(event, (sent) => {
        const value = received(sent);
        if (typeof value?.["type"] !== "string" || !isBareEvent(value as JsonObject & { type: string })) return;
        taken++;
        expect(eventShape.safeParse(value)).toEqual({ success: true, data: value });
        expect(value).not.toHaveProperty("version");
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(50);
  });
});
