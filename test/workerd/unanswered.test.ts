import { describe, expect, it } from "vitest";
import { edge } from "../../src/edge/app.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { administration } from "../../src/parts/index.ts";

/** What a call to an object can throw, as the platform does. */
const thrown: Record<string, () => Error> = {
  "a plain error": () => new Error("secret: SQLITE_FULL at /path"),
  "an error of the runtime": () => new TypeError("The RPC receiver does not implement the method"),
  overloaded: () => Object.assign(new Error("Durable Object is overloaded."), { overloaded: true }),
  disconnected: () => Object.assign(new Error("Network connection lost."), { retryable: true }),
  reset: () => Object.assign(new Error("The Durable Object's code has been updated."), { durableObjectReset: true }),
  aborted: () => new DOMException("The operation was aborted", "AbortError"),
};

const post = (key: string, body: object): [string, RequestInit] => [
  "/v1/partitions/room/events",
  { method: "POST", headers: { "idempotency-key": key }, body: JSON.stringify(body) },
];
const event = { type: "set", payload: { target: "n", value: 1 } };

const requests: Record<string, [string, RequestInit?]> = {
  "a draft": post("d1", event),
  "a batch": post("b1", { mode: "atomic", events: [{ draftId: "d1", event }] }),
  "a page": ["/v1/partitions/room/events"],
  "the state": ["/v1/partitions/room/state"],
  "a stream": ["/v1/partitions/room/events/stream"],
  frames: [
    "/v1/partitions/room/connection/c1",
    { method: "POST", body: JSON.stringify({ before: 0, frames: ['{"type":"heartbeat"}'] }) },
  ],
  "a drain": ["/v1/partitions/room/drain", { method: "POST", body: JSON.stringify({ seconds: 1 }) }],
  "the readiness": ["/readyz"],
  "a ticket that is used": [`/v1/partitions/room/events/stream?ticket=default.${"0".repeat(64)}`],
};
/** A ticket needs keys. */
const verified = {
  PARTITA_JWT_SECRET: "a secret of at least thirty-two bytes",
  PARTITA_JWT_ISSUER: "issuer",
  PARTITA_JWT_AUDIENCE: "audience",
};

describe.each(Object.keys(thrown))("when an object throws: %s", (how) => {
  it.each(Object.keys(requests))(
    "[BD-7] [ER-6] the outcome of %s is reported as unknown, and retryable",
    async (what) => {
      const failing = new Proxy(
        {},
        {
          get: (_, name) =>
            name === "then"
              ? undefined
              : async () => {
                  throw thrown[how]!();
                },
        },
      );
      const objects = { getByName: () => failing };
      const identity = what.includes("ticket") ? verified : { PARTITA_IDENTITY: "open" };
      const env = { ...identity, PARTITIONS: objects, TENANTS: objects };
      const app = edge(
        {
          models: { "*": insieme } as never,
          effects: [],
          roles: {},
          limits: {},
          placementOf: () => ({}),
          parts: {},
        },
        [administration],
      );
      const [path, init] = requests[what]!;
      const answer = await app.request(`http://localhost${path}`, init, env as never);
      expect(answer.status).toBe(503);
      expect(answer.headers.get("retry-after")).toBe("1");
      const text = await answer.text();
      expect(JSON.parse(text)).toMatchObject({ code: "partition_unavailable", retryable: true, retryAfter: 1 });
      expect(text).not.toContain("secret");
    },
  );
});
