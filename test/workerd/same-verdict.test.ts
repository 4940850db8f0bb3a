import { createExecutionContext, env } from "cloudflare:test";
import fc from "fast-check";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createAuthority } from "../../src/index.ts";
import { counter } from "./models.ts";
import { fresh, type Message } from "./wire.ts";

// HTTP and sockets lead to the same decision: the same submission gets the same answer.

const secret = "a secret of at least thirty-two bytes";
const settings = {
  PARTITIONS: env.PARTITIONS,
  PARTITA_JWT_SECRET: secret,
  PARTITA_JWT_ISSUER: "https://issuer.example",
  PARTITA_JWT_AUDIENCE: "partita",
};
const { worker } = createAuthority({ models: { "counter-*": counter } });
const ask = async (path: string, init: RequestInit) =>
  worker.fetch(new Request(`https://partita.example${path}`, init), settings, createExecutionContext());

/** An author who may submit everything except `note`. */
const tokenOf = (sub: string) =>
  new SignJWT({
    iss: settings.PARTITA_JWT_ISSUER,
    aud: settings.PARTITA_JWT_AUDIENCE,
    sub,
    exp: Math.floor(Date.now() / 1_000) + 3_600,
    partitions: ["counter-*"],
    permissions: ["read", "submit:*"],
  })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(secret));
const tokens = { alice: await tokenOf("alice"), bob: await tokenOf("bob") };
type Principal = keyof typeof tokens;

interface Draft {
  by: Principal;
  key: string;
  event: Message;
  expectedEventId?: unknown;
}

/** Submits over HTTP; returns the answer without the parts that only HTTP has. */
async function overHttp(room: string, { by, key, event, expectedEventId }: Draft): Promise<Message> {
  const response = await ask(`/v1/partitions/${room}/events`, {
    method: "POST",
    headers: { "idempotency-key": key, "partita-client-id": "device", authorization: `Bearer ${tokens[by]}` },
    body: JSON.stringify({ ...event, expectedEventId }),
  });
  const received = (await response.json()) as Message;
  expect(received.status ?? 201).toBe(response.status);
  return received;
}

/** The sockets of both clients to a partition. */
async function socketsTo(room: string) {
  const open = async (by: Principal) => {
    const { webSocket } = await ask(`/v1/partitions/${room}/ws`, {
      headers: { upgrade: "websocket", authorization: `Bearer ${tokens[by]}` },
    });
    webSocket!.accept();
    let heard: (message: Message) => void = () => {};
    webSocket!.addEventListener("message", ({ data }) => heard(JSON.parse(data as string)));
    const say = (type: string, payload: object, isAnswer: (message: Message) => boolean) =>
      new Promise<Message>((resolve) => {
        heard = (message) => isAnswer(message) && resolve(message);
        webSocket!.send(JSON.stringify({ id: "q", type, timestamp: 1, payload }));
      });
    await say("connect", { clientId: "device", version: "1" }, ({ type }) => type === "connected");
    return { say, close: () => webSocket!.close() };
  };
  const sockets = { alice: await open("alice"), bob: await open("bob") };
  return {
    /** Submits over the socket; returns the answer without the parts that only messages have. */
    async submit({ by, key, event, expectedEventId }: Draft): Promise<Message> {
      const { type, payload } = await sockets[by].say(
        "submit_event",
        { draftId: key, event, expectedEventId },
        (message) => message.payload.draftId === key && message.type !== "broadcast",
      );
      const { draftId: _, reason, message: __, ...verdict } = payload;
      expect(type).toBe(verdict.eventId ? "event_accepted" : reason ? "event_rejected" : "error");
      if (reason) expect(reason).toBe(verdict.code);
      // A message always has errors.
      if (verdict.errors?.length === 0) delete verdict.errors;
      return verdict;
    },
    close: () => Object.values(sockets).forEach(({ close }) => close()),
  };
}

/** A verdict without its time, instance and trace id. */
function substanceOf(verdict: Message): Message {
  const text = JSON.stringify(verdict, (name, value: unknown) =>
    name === "traceId" || name === "timestamp" ? 0 : value,
  );
  return JSON.parse(text.replaceAll(/counter-\d+-[0-9a-f]{8}/g, "room"));
}

const value = fc.constantFrom(-3, 0, 1, 2, 1.5, "x", null);
const event = fc.oneof(
  fc.record({ type: fc.constant("add"), payload: fc.record({ by: value }), version: fc.constantFrom(2, 1, 3, 0) }),
  fc.record({ type: fc.constant("put"), payload: fc.record({ key: fc.constantFrom("a", "b"), value }) }),
  fc.constantFrom(
    { type: "note", payload: { text: "t" } },
    { type: "explode", payload: { in: "reduce" } },
    { type: "explode", payload: { in: "validate" } },
    { type: "unknown", payload: {} },
    { type: "add", payload: { by: -9 }, version: 2 },
    { type: "add", payload: { by: 1, more: 1 }, version: 2 },
    { type: "add", payload: { by: 1 }, version: 2, partition: "elsewhere" },
    { type: "add", payload: { by: 1 }, version: 2, author: "root" },
    { type: "add" },
    { type: "add", payload: [] },
  ),
);
const draft: fc.Arbitrary<Draft> = fc.record(
  {
    by: fc.constantFrom<Principal>("alice", "bob"),
    key: fc.constantFrom("k1", "k2", "k3", "k4", "k5", "k6"),
    event,
    expectedEventId: fc.constantFrom<unknown>(0, 1, 2, 99, -1, "1"),
  },
  { requiredKeys: ["by", "key", "event"] },
);

describe("HTTP and the socket", () => {
  // The model fails on purpose, and each failure is logged.
  beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => {}));
  afterAll(() => vi.restoreAllMocks());

  it("[ER-2] [ID-1] [ID-7] [ID-9] give the same verdict for the same draft, and replay each other's verdicts", async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(draft, { minLength: 1, maxLength: 12 }), async (drafts) => {
        const [left, right] = [fresh("counter"), fresh("counter")];
        const [leftSockets, rightSockets] = [await socketsTo(left), await socketsTo(right)];
        for (const next of drafts) {
          const [first, second] = [await overHttp(left, next), await rightSockets.submit(next)];
          expect(substanceOf(second)).toEqual(substanceOf(first));
          const stored =
            first.eventId !== undefined || !["idempotency_key_reused", "draft_failed"].includes(first.code);
          // A replay over the other transport has the same members.
          const [firstAgain, secondAgain] = [await leftSockets.submit(next), await overHttp(right, next)];
          expect(stored ? firstAgain : substanceOf(firstAgain)).toEqual(stored ? first : substanceOf(first));
          expect(stored ? secondAgain : substanceOf(secondAgain)).toEqual(stored ? second : substanceOf(second));
          seen.add(first.code === undefined ? "accepted" : `${first.code} ${first.layer ?? ""}`.trim());
        }
        leftSockets.close();
        rightSockets.close();
      }),
      { numRuns: 40, seed: 20_261_126 },
    );
    // The drafts have had every possible outcome.
    const ways = [
      "accepted",
      "validation_failed schema",
      "unknown_event_type schema",
      "unknown_event_version schema",
      "partition_mismatch schema",
      "forbidden permission",
      "conflict conflict",
      "precondition_required conflict",
      "invariant_violated invariant",
      "idempotency_key_reused",
      "draft_failed",
    ];
    expect(ways.filter((way) => !seen.has(way))).toEqual([]);
  }, 60_000);

  it("[ID-5] [ID-9] many concurrent submits of one key, over both, make one verdict for each principal", async () => {
    for (const event of [
      { type: "add", payload: { by: 1 }, version: 2 },
      { type: "add", payload: { by: -1 }, version: 2 },
    ]) {
      const room = fresh("counter");
      const sockets = await Promise.all(Array.from({ length: 8 }, () => socketsTo(room)));
      const answers = await Promise.all(
        (["alice", "bob"] as const).map((by) =>
          Promise.all(
            sockets.flatMap(({ submit }) => [submit({ by, key: "k", event }), overHttp(room, { by, key: "k", event })]),
          ),
        ),
      );
      for (const ofOne of answers) expect(new Set(ofOne.map((answer) => JSON.stringify(answer, sorted))).size).toBe(1);
      const [alice, bob] = answers.map(([first]) => first);
      if (event.payload.by > 0) expect([alice.eventId, bob.eventId].toSorted()).toEqual([1, 2]);
      else expect(alice.traceId).not.toBe(bob.traceId);
      for (const { close } of sockets) close();
    }
  });
});

/** JSON with sorted members, to compare as text. */
function sorted(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
