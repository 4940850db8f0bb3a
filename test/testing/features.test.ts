import fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { testAuthority } from "../../src/testing/index.ts";
import { type Click, consume } from "../support/features/consume.ts";
import { features } from "../support/features/features.ts";

const hour = 60 * 60_000;
const start = 1_700_000_000_000;

interface Delivery {
  readonly id: string;
  readonly body: Click;
}

/** Delivers messages, each until it is acknowledged. Returns how often each was. */
async function deliver(
  authority: ReturnType<typeof testAuthority>,
  deliveries: readonly Delivery[],
  fails: (id: string, attempt: number) => boolean = () => false,
): Promise<Map<string, number>> {
  const attempts = new Map<string, number>();
  let left = [...deliveries];
  while (left.length > 0) {
    const again: Delivery[] = [];
    await consume(
      left.map((message) => ({
        id: message.id,
        body: message.body,
        ack: () => {},
        retry: () => void again.push(message),
      })),
      (name) => {
        const writer = authority.partition(name, features).as("stream");
        return {
          submit: async (type, payload, options) => {
            const attempt = (attempts.get(options.key) ?? 0) + 1;
            attempts.set(options.key, attempt);
            const written = await writer.submit(type, payload, options);
            // What was committed is not known to be.
            if (fails(options.key, attempt)) throw new Error("the answer is lost");
            return written;
          },
        };
      },
    );
    left = again;
  }
  return attempts;
}

describe("features from a stream", () => {
  it("[ID-1] [CL-6] counts each message once, however often it is delivered, and whatever their order is", async () => {
    const message = fc.record({
      user: fc.constantFrom("ann", "bob"),
      kind: fc.constantFrom("view", "buy"),
      at: fc.integer({ min: start, max: start + 5 * hour }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 12 }), fc.nat(), async (bodies, salt) => {
        const authority = testAuthority({ models: { "features:*": features }, now: start });
        const all = bodies.map((body, at) => ({ id: `m-${at}`, body }));
        // Some come twice, much later.
        const twice = all.filter((_, at) => (at + salt) % 3 === 0);
        const attempts = await deliver(
          authority,
          [...all, ...twice],
          (id, attempt) => attempt === 1 && Number(id.slice(2)) % 2 === 0,
        );
        for (const user of ["ann", "bob"]) {
          const own = bodies.filter((body) => body.user === user);
          if (own.length === 0) continue;
          const { counts, lastAt, rate } = await authority.partition(`features:${user}`, features).state();
          expect(Object.values(counts).reduce((sum, n) => sum + n, 0)).toBe(own.length);
          expect(lastAt).toBe(Math.max(...own.map(({ at }) => at)));
          const expected = own.reduce((sum, { at }) => sum + 0.5 ** ((rate.minute - Math.floor(at / 60_000)) / 60), 0);
          expect(rate.value).toBeCloseTo(expected, 6);
        }
        for (const { id } of all) expect(attempts.get(id)).toBeGreaterThanOrEqual(1);
      }),
      { numRuns: 30 },
    );
  });

  it("[EC-7] is the code of the guide", () => {
    const guide = readFileSync(new URL("../../docs/guide/features.md", import.meta.url), "utf8");
    for (const file of ["features", "consume"]) {
      const source = readFileSync(new URL(`../support/features/${file}.ts`, import.meta.url), "utf8");
      expect(guide).toContain(source.replace("../../../src/model/index.ts", "partita/model"));
    }
  });
});
