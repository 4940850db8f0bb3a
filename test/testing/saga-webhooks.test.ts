import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { defineEffects } from "../../src/model/effects.ts";
import { defineModel, defineSaga, noSagas, sagaEvents } from "../../src/model/index.ts";
import { sagaEffects } from "../../src/model/sagas/effects.ts";
import { testAuthority } from "../../src/testing/index.ts";

const timeoutMs = 1_000;

/** A charge of a card, which somebody outside knows, and then a note of it in another partition. */
const charge = defineSaga("charge", {
  input: z.strictObject({ amount: z.int() }),
  steps: [
    {
      do: ({ amount }) => ({ webhook: "card.charge", payload: { amount } }),
      compensate: ({ amount }) => ({ webhook: "card.refund", payload: { amount } }),
      timeoutMs,
      retries: 1,
    },
    { do: (_, { saga }) => ({ partition: "book", type: "note", payload: { saga } }) },
  ],
});
const till = defineModel({
  name: "till",
  version: 1,
  initialState: () => noSagas(),
  events: { ...sagaEvents(charge) },
});
const book = defineModel({
  name: "book",
  version: 1,
  initialState: () => ({ full: false }),
  accepts: [{ from: "till", types: ["note"] }],
  events: {
    note: {
      payload: z.strictObject({ saga: z.string() }),
      validate: ({ full }) => (full ? { field: "payload", code: "FULL", message: "It is full." } : undefined),
      reduce: () => {},
    },
    fill: { payload: z.strictObject({}), reduce: (state) => void (state.full = true) },
  },
});

/** What somebody outside receives. */
interface Received {
  readonly key: string;
  readonly report: { readonly payload: { readonly saga: string; readonly fence: number } };
}

async function started({ full = false } = {}) {
  const effects = defineEffects(till, { ...sagaEffects(charge) });
  const authority = testAuthority({ models: { till, book }, effects: [effects] });
  const partition = authority.partition("till", till);
  if (full) await authority.partition("book", book).as("user:me").submit("fill", {}, { key: "fill" });
  let keys = 0;
  const submit = async (
    type: `charge.${"start" | "report" | "resume" | "retry" | "skip"}`,
    payload: object,
    permissions?: string[],
  ) => {
    const answer = await partition
      .as("user:me", permissions ? { permissions } : {})
      .submit(type, payload as never, { key: `k-${++keys}` });
    await authority.settle();
    if (answer.status === "accepted") return "accepted";
    return answer.problem.errors?.[0]?.code ?? answer.problem.code;
  };
  expect(await submit("charge.start", { saga: "c", input: { amount: 5 } })).toBe("accepted");
  const received = () => authority.webhooks.map(({ type, payload }) => ({ type, ...(payload as unknown as Received) }));
  return {
    authority,
    submit,
    received,
    last: () => received().at(-1)!,
    /** Somebody outside reports the last webhook. */
    report: async (rejected?: { code: string; detail: string }, permissions?: string[]) => {
      const { report } = received().at(-1)!;
      return await submit("charge.report", { ...report.payload, ...(rejected && { rejected }) }, permissions);
    },
    run: async () => (await partition.state()).sagas.runs["c"]!,
  };
}

const declined = { code: "declined", detail: "The card is blocked." };

describe("webhooks as steps of a saga", () => {
  it("[TX-14] a step is done when it is reported, not when its webhook was received", async () => {
    const { received, report, run } = await started();
    expect(received()).toEqual([
      {
        type: "card.charge",
        key: expect.stringMatching(/^saga:c:\w+:0:do:0$/),
        report: { type: "charge.report", payload: { saga: "c", fence: 1 } },
        payload: { amount: 5 },
      },
    ]);
    expect(await run()).toMatchObject({ status: "RUNNING", step: 0 });
    expect(await report(undefined, ["report:charge"])).toBe("accepted");
    expect(await run()).toMatchObject({ status: "COMPLETED" });
  });

  it("[TX-14] [ID-6] what was not reported in time is sent again under its key, and a report of the earlier number is refused", async () => {
    const { authority, submit, received, report, run } = await started();
    await authority.advance(timeoutMs);
    const [first, second, ...more] = received();
    expect(more).toEqual([]);
    expect(second!.key).toBe(first!.key);
    expect(second!.report.payload.fence).toBe(2);
    expect(await submit("charge.report", first!.report.payload)).toBe("NOT_AWAITED");
    expect(await report()).toBe("accepted");
    expect(await report()).toBe("NOT_AWAITED");
    expect(await run()).toMatchObject({ status: "COMPLETED" });
  });

  it("[TX-14] a report of a failure is attempted again under another key, after a pause, and then ends the saga", async () => {
    const { authority, submit, received, report, run } = await started();
    await report(declined);
    expect(await run()).toMatchObject({ status: "RUNNING", pauses: true });
    expect(await report(declined)).toBe("NOT_AWAITED");
    // Nothing has this number yet.
    expect(await submit("charge.report", { saga: "c", fence: 2 })).toBe("NOT_AWAITED");
    await authority.advance(timeoutMs);
    expect(received().map(({ key }) => key.slice(-4))).toEqual(["do:0", "do:1"]);
    await report(declined);
    expect(await run()).toMatchObject({ status: "COMPENSATED", problem: { step: 0, ...declined } });
  });
});

describe("a saga that stands still", () => {
  /** Its note is refused, and its refund, too. */
  async function failed() {
    const world = await started({ full: true });
    await world.report();
    await world.report(declined);
    await world.authority.advance(timeoutMs);
    await world.report(declined);
    expect(await world.run()).toMatchObject({ status: "FAILED", failure: { step: 0, ...declined } });
    return world;
  }

  it("[TX-14] needs a permission to go on, and a rejected compensation is retried under a new key", async () => {
    const { submit, last, report, run } = await failed();
    for (const type of ["charge.retry", "charge.resume", "charge.skip"] as const) {
      expect(await submit(type, { saga: "c" }, ["submit:*"])).toBe("forbidden");
    }
    expect(await submit("charge.resume", { saga: "c" }, ["admin:sagas"])).toBe("OTHER_FAILURE");
    const before = last().key;
    expect(await submit("charge.retry", { saga: "c" }, ["admin:sagas"])).toBe("accepted");
    expect([before, last().key].map((key) => key.slice(-6))).toEqual(["undo:1", "undo:2"]);
    await report();
    expect(await run()).toMatchObject({ status: "COMPENSATED", problem: { step: 1 } });
    expect(await submit("charge.retry", { saga: "c" }, ["admin:sagas"])).toBe("NOT_FAILED");
  });

  it("[TX-14] is skipped: it goes on without the compensation that cannot be done", async () => {
    const { submit, received, run } = await failed();
    const sent = received().length;
    expect(await submit("charge.skip", { saga: "c" }, ["admin:sagas"])).toBe("accepted");
    expect(await run()).toMatchObject({ status: "COMPENSATED", problem: { step: 1 } });
    expect(received()).toHaveLength(sent);
  });

  it("[TX-14] [ID-6] a step without an answer is asked for under its key only: its saga is resumed, not retried, and undone when it turns out to be done", async () => {
    const { authority, submit, received, last, report, run } = await started();
    for (let asks = 1; asks <= 12; asks++) await authority.advance(timeoutMs * 16);
    expect(await run()).toMatchObject({ status: "FAILED", failure: { step: 0, code: "unanswered" } });
    expect(received()).toHaveLength(12);
    expect(await submit("charge.retry", { saga: "c" }, ["admin:sagas"])).toBe("OTHER_FAILURE");
    expect(await submit("charge.resume", { saga: "c" }, ["admin:sagas"])).toBe("accepted");
    expect(received()).toHaveLength(13);
    expect(new Set(received().map(({ key }) => key)).size).toBe(1);
    await report();
    expect(last().type).toBe("card.refund");
    await report();
    expect(await run()).toMatchObject({ status: "COMPENSATED", problem: { code: "unanswered" } });
  });

  it("[AU-3] who reports needs a permission of its own, and cannot take the word for what is not known", async () => {
    const { submit, received, report, run } = await started();
    const { payload } = received().at(-1)!.report;
    expect(await submit("charge.report", payload, ["read", "submit:*"])).toBe("forbidden");
    const unknown = { code: "unanswered", detail: "" };
    expect(await report(unknown, ["report:charge"])).toBe("SCHEMA_ERROR");
    expect(await run()).toMatchObject({ status: "RUNNING", step: 0 });
    expect(await report(undefined, ["report:*"])).toBe("accepted");
  });
});
