import { afterEach, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { defineEffects } from "../../src/model/effects.ts";
import { defineModel, defineSaga, sagaEvents, type Sagas, noSagas } from "../../src/model/index.ts";
import { sagaEffects } from "../../src/model/sagas/effects.ts";
import { sagaBounds } from "../../src/model/sagas/index.ts";
import { chargeOf } from "../../src/model/sagas/room.ts";
import { WeighedState } from "../../src/model/weighed-state.ts";
import { bounds } from "../../src/protocol/bounds.ts";
import { testAuthority } from "../../src/testing/index.ts";

const usual = { ...bounds };
const usualOfSagas = { ...sagaBounds };
afterEach(() => {
  Object.assign(bounds, usual);
  Object.assign(sagaBounds, usualOfSagas);
});

/** A note in another partition, and then a charge of a card, which somebody outside reports. */
const order = defineSaga("order", {
  input: z.looseObject({ memo: z.string() }),
  steps: [
    {
      do: (_, { saga }) => ({ partition: "book", type: "note", payload: { saga } }),
      compensate: (_, { saga }) => ({ partition: "book", type: "note", payload: { saga } }),
    },
    { do: (_, { saga, author = "" }) => ({ webhook: "card.charge", payload: { saga, author } }) },
  ],
});
const deskWith = (authors: "shown" | "hidden") =>
  defineModel({
    name: "desk",
    version: 1,
    authors,
    initialState: () => ({ ...noSagas(), notes: [] as string[] }),
    events: {
      ...sagaEvents<{ sagas: Sagas; notes: string[] }, "order", typeof order.input>(order),
      fill: {
        payload: z.strictObject({ note: z.string() }),
        reduce: (state, { payload }) => void state.notes.push(payload.note),
      },
    },
  });
const desk = deskWith("shown");
const book = defineModel({
  name: "book",
  version: 1,
  initialState: () => ({ closed: false }),
  accepts: [{ from: "desk", types: ["note"] }],
  events: {
    note: {
      payload: z.strictObject({ saga: z.string() }),
      validate: ({ closed }) =>
        closed ? { field: "payload", code: "CLOSED", message: "x".repeat(10_000) } : undefined,
      reduce: () => {},
    },
    close: { payload: z.strictObject({}), reduce: (state) => void (state.closed = true) },
  },
});

function opened(model = desk) {
  const authority = testAuthority({
    models: { desk: model, book },
    effects: [defineEffects(model, { ...sagaEffects(order) })],
  });
  const partition = authority.partition("desk", model);
  let keys = 0;
  const submit = async (who: string, type: "order.start" | "order.report" | "fill", payload: object) => {
    const answer = await partition.as(who).submit(type, payload as never, { key: `k-${++keys}` });
    if (answer.status === "accepted") return "accepted";
    return answer.problem.errors?.[0]?.code ?? answer.problem.code;
  };
  const start = async (who: string, saga: string, input: object = { memo: "" }) =>
    await submit(who, "order.start", { saga, input });
  const sagas = async () => (await partition.state()).sagas;
  const close = async () => await authority.partition("book", book).as("user:me").submit("close", {}, { key: "close" });
  return { authority, partition, submit, start, sagas, close };
}

/** Starts sagas of a user until no other one may start, and returns how many have started. */
async function takesAll(start: ReturnType<typeof opened>["start"], who: string, input?: object): Promise<number> {
  for (let count = 0; ; count++) {
    const result = await start(`user:${who}`, `${who}-${count}`, input);
    if (result === "accepted") continue;
    expect(result).toBe("TOO_MANY_SAGAS");
    return count;
  }
}

/** Notes of users, until no other one fits. */
async function fill({ submit }: Pick<ReturnType<typeof opened>, "submit">): Promise<void> {
  for (let size = 40_000; size > 1; size = size >> 1) {
    while ((await submit("user:mallory", "fill", { note: "x".repeat(size) })) === "accepted");
  }
}

const statuses = ({ runs }: Sagas): string[] => [...new Set(Object.values(runs).map(({ status }) => status))];

describe("the room of sagas", () => {
  it.each([
    ["reports", "COMPLETED"],
    ["reports of a failure", "COMPENSATED"],
    ["answers that nobody gives", "FAILED"],
    ["rejections", "COMPENSATED"],
  ])(
    "[BD-4] [TX-14] sagas end in a state that users have filled, in the room that is left for them: by %s",
    async (by, end) => {
      Object.assign(bounds, { stateBytesMax: 400_000, stateReserveBytes: 0 });
      const { authority, submit, start, sagas, close } = opened();
      if (by === "rejections") await close();
      const ids = Array.from({ length: 40 }, (_, at) => `saga-${at}`);
      for (const id of ids) expect(await start("user:ann", id)).toBe("accepted");
      await fill({ submit });
      expect(await start("user:ann", "one-more")).toBe("state_too_large");
      await authority.settle();
      if (by.startsWith("reports")) {
        const rejected = by === "reports" ? undefined : { code: "declined", detail: "x".repeat(500) };
        for (const [saga, { fence }] of Object.entries((await sagas()).runs)) {
          const report = { saga, fence, ...(rejected && { rejected }) };
          expect(await submit("user:receiver", "order.report", report)).toBe("accepted");
        }
      }
      await authority.advance(26 * 60 * 60_000);
      expect(statuses(await sagas())).toEqual([end]);
    },
  );

  it("[BD-4] beyond the bound of the state there is a reserve for what goes on, and for nothing new", async () => {
    Object.assign(sagaBounds, { progressBytes: 0 });
    Object.assign(bounds, { stateBytesMax: 400_000, stateReserveBytes: 4_000 });
    const { authority, submit, start, sagas } = opened();
    for (let at = 0; at < 40; at++) await start("user:ann", `saga-${at}`);
    await authority.settle();
    await fill({ submit });
    const answers: string[] = [];
    for (const [saga, { fence }] of Object.entries((await sagas()).runs)) {
      const rejected = { code: "declined", detail: "x".repeat(500) };
      answers.push(await submit("user:receiver", "order.report", { saga, fence, rejected }));
    }
    const accepted = answers.lastIndexOf("accepted") + 1;
    expect(accepted).toBeGreaterThan(0);
    expect(new Set(answers.slice(accepted))).toEqual(new Set(["state_too_large"]));
    expect(await submit("user:mallory", "fill", { note: "x" })).toBe("state_too_large");
  });

  it("[BD-4] what open sagas carry is bounded, and an input of a saga", async () => {
    const { start, sagas } = opened();
    expect(await start("user:ann", "large", { memo: "é".repeat(8_200) })).toBe("INPUT_TOO_LARGE");
    const charge = chargeOf("al-0", { memo: "x".repeat(10_000) });
    Object.assign(sagaBounds, { openBytesMax: charge * 8.5 });
    const takes = async (who: string) => await takesAll(start, who, { memo: "x".repeat(10_000) });
    // Each may take as much as it leaves for others.
    expect([await takes("al"), await takes("bo"), await takes("cy"), await takes("di")]).toEqual([4, 2, 1, 1]);
    expect(await start("user:ann", "small")).toBe("accepted");
    expect(Object.keys((await sagas()).shares!)).toEqual(["@user:al", "@user:bo", "@user:cy", "@user:di", "@user:ann"]);
  });

  it("[BD-4] the number of open sagas is bounded, and shared among their authors, where the model shows them", async () => {
    Object.assign(sagaBounds, { openMax: 10 });
    const shown = opened();
    const taken: number[] = [];
    for (const who of ["al", "bo", "cy", "di", "ed"]) taken.push(await takesAll(shown.start, who));
    expect(taken).toEqual([5, 3, 1, 1, 0]);
    const hidden = opened(deskWith("hidden"));
    expect(await takesAll(hidden.start, "al")).toBe(10);
    expect(await takesAll(hidden.start, "bo")).toBe(0);
    Object.assign(sagaBounds, { openMax: 20, openBytesMax: (await hidden.sagas()).bytes! });
    expect(await takesAll(hidden.start, "bo")).toBe(0);
  });

  it("[BD-4] what has ended frees its room, and is forgotten where it takes too much", async () => {
    const charge = chargeOf("saga-0", { memo: "" });
    Object.assign(sagaBounds, { endedBytesMax: charge * 3.5 });
    const { authority, start, sagas, close } = opened();
    await close();
    for (let n = 0; n < 6; n++) await start("user:ann", `saga-${n}`);
    await authority.settle();
    expect(await sagas()).toMatchObject({ open: 0, bytes: 0, shares: {}, ended: 3, endedBytes: charge * 3 });
    expect(Object.keys((await sagas()).runs)).toEqual(["saga-3", "saga-4", "saga-5"]);
  });

  it.each<[string, object]>([
    ["nothing", {}],
    ["wide texts", { memo: "語".repeat(300) }],
    ["objects", { memo: "", list: Array.from({ length: 200 }, () => ({})) }],
    [
      "objects of many kinds",
      { memo: "", list: Array.from({ length: 60 }, (_, at) => ({ [`a${at}`]: { [`b${at}`]: 1 } })) },
    ],
    ["a table", { memo: "", table: Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`${at}`, at / 7])) }],
    ["lists", { memo: "", lists: Array.from({ length: 500 }, () => [1e9]) }],
  ])("[BD-2] a saga with %s takes no more than it is charged, up to its end", (_, input) => {
    const state = new WeighedState<object>({ ...noSagas(), notes: [] });
    const fold = (type: keyof typeof desk.events, payload: object): void => {
      const event = { type, payload, timestamp: 1.8e12, clientId: "", author: `user:${"a".repeat(120)}` };
      state.change((view) => desk.events[type].reduce(view as never, event as never, state.context));
    };
    // The first one pays for the descriptions of its fields, which all have.
    fold("order.start", { saga: "first", input: { memo: "" } });
    const rejected = { code: "語".repeat(100), detail: "語".repeat(1_000) };
    const ways = (saga: string): void => {
      fold("order.accepted", { about: { saga, fence: 1 } });
      fold("order.report", { saga, fence: 2, rejected });
      fold("order.rejected", { about: { saga, fence: 3 }, ...rejected });
    };
    ways("first");
    const before = state.weight;
    const saga = "s".repeat(48);
    fold("order.start", { saga, input: { memo: "", ...input } });
    ways(saga);
    const { runs } = state.read((view) => JSON.parse(JSON.stringify((view as { sagas: Sagas }).sagas)) as Sagas);
    expect(runs[saga]).toMatchObject({ status: "FAILED", problem: { step: 1 }, failure: { step: 0 } });
    expect(state.weight - before).toBeLessThan(runs[saga]!.charge!);
  });

  it.each([
    ["a partition of no name", { partition: "not a name!" }],
    ["its own partition", { partition: "desk" }],
    ["too much", { partition: "b", memo: "x".repeat(12_000) }],
    ["what is no object", { partition: "b", bare: true }],
  ])("[ER-3] [TX-14] what would send %s is refused at its start", async (_, input) => {
    const forward = defineSaga("forward", {
      input: z.looseObject({ partition: z.string() }),
      steps: [
        { do: () => ({ webhook: "first", payload: {} }) },
        {
          do: () => ({ webhook: "second", payload: {} }),
          compensate: ({ partition, memo, bare }) => ({
            partition,
            type: "note",
            payload: (bare ? [] : { memo: Array.from({ length: 6 }, () => memo) }) as { memo: never },
          }),
        },
      ],
    });
    const model = defineModel({
      name: "desk",
      version: 1,
      initialState: () => noSagas(),
      events: { ...sagaEvents(forward) },
    });
    const authority = testAuthority({
      models: { desk: model },
      effects: [defineEffects(model, { ...sagaEffects(forward) })],
    });
    const answer = await authority
      .partition("desk", model)
      .as("user:ann")
      .submit("forward.start", { saga: "s", input }, { key: "start" });
    expect(answer).toMatchObject({
      status: "rejected",
      problem: { code: "validation_failed", errors: [{ field: "payload.input", code: "CANNOT_BE_SENT" }] },
    });
  });

  it("[TX-14] a step knows who has started its saga", async () => {
    const { authority, start } = opened();
    await start("user:ann", "s");
    await authority.settle();
    expect(authority.webhooks[0]!.payload).toMatchObject({ payload: { saga: "s", author: "user:ann" } });
  });
});
