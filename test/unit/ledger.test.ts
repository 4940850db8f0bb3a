import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defineModel } from "../../src/model/index.ts";
import { changeAccount, legsKeptMax } from "../../src/models/ledger/book.ts";
import { ledgerEffects } from "../../src/models/ledger/effects.ts";
import {
  auditLedger,
  formatAmount,
  type Ledger,
  ledger,
  minorDigits,
  parseAmount,
  statementOf,
} from "../../src/models/ledger/index.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import type { JsonObject, NumberedEvent } from "../../src/protocol/index.ts";
import { applyToLedger, emptyLedger, ledgerView, naiveView } from "../simulation/naive-ledger.ts";
import { ModelSteps } from "../support/model-steps.ts";
import { TestPartition } from "../support/partition.ts";

const dayMs = 86_400_000;
const max = Number.MAX_SAFE_INTEGER;
const pay = (transfer: string, from: string, to: string, amount: number) => ({
  transfer,
  legs: [
    { account: from, amount: -amount },
    { account: to, amount },
  ],
});

/** The bank's cash, and accounts of ann (100.00 EUR) and bob (nothing). */
function bank(model = ledger): ModelSteps {
  const steps = new ModelSteps(model as typeof ledger);
  for (const [type, payload] of [
    ["open", { account: "cash", currency: "EUR", overdraft: null }],
    ["open", { account: "ann", currency: "EUR", owner: "ann" }],
    ["open", { account: "bob", currency: "EUR", owner: "bob" }],
    ["post", { ...pay("p0", "cash", "ann", 10_000), memo: "paid in" }],
  ] as const) {
    expect(steps.submit("bank", type, payload)).toEqual([]);
  }
  return steps;
}
const balances = (steps: ModelSteps) => {
  const { accounts } = steps.plain<Ledger>();
  return Object.fromEntries(Object.entries(accounts).map(([name, { balance, held }]) => [name, [balance, held]]));
};

describe("ledger", () => {
  it("[MD-9] moves money in legs that sum to zero in each currency, and names what is wrong with each", () => {
    const steps = bank();
    steps.submit("bank", "open", { account: "dollars", currency: "USD", overdraft: null });
    steps.submit("bank", "open", { account: "ann$", currency: "USD", owner: "ann" });
    const exchange = (euros: number, received: number) => ({
      transfer: "x",
      memo: "exchange",
      legs: [
        { account: "ann", amount: -1_000 },
        { account: "cash", amount: euros },
        { account: "dollars", amount: -1_100 },
        { account: "ann$", amount: received },
      ],
    });
    expect(steps.submit("bank", "post", exchange(900, 1_100))).toEqual([
      { field: "payload.legs", code: "UNBALANCED", message: "10.00 EUR are paid, and 9.00 EUR received." },
    ]);
    expect(steps.codes("bank", "post", exchange(900, 1_000))).toEqual(["UNBALANCED", "UNBALANCED"]);
    expect(steps.codes("bank", "post", exchange(1_000, 1_100))).toEqual([]);
    expect(balances(steps)).toEqual({
      cash: [-9_000, 0],
      ann: [9_000, 0],
      bob: [0, 0],
      dollars: [-1_100, 0],
      ann$: [1_100, 0],
    });
    expect(steps.codes("bob", "transfer", pay("t", "nowhere", "bob", 1))).toEqual(["ACCOUNT_NOT_FOUND"]);
    expect(steps.codes("ann", "transfer", pay("x", "ann", "bob", 1))).toEqual(["NAME_TAKEN"]);
  });

  it("[MD-9] only the owner pays from an account, and the payload cannot say who that is", () => {
    const room = new TestPartition({ model: ledger });
    const as = (principal: string, permissions: "all" | string[]) => {
      const connection = room.open({ principal, permissions, expiresAt: 1_800_000_000_000 });
      connection.connect(principal);
      return connection;
    };
    const clerk = as("bank", "all");
    const ann = as("ann", ["read", "submit:transfer"]);
    clerk.submit("1", "open", { account: "cash", currency: "EUR", overdraft: null });
    clerk.submit("2", "open", { account: "ann", currency: "EUR", owner: "ann" });
    const { payload } = ann.submit("3", "transfer", pay("t1", "cash", "ann", 5));
    expect(payload.errors).toEqual([
      { field: "payload.legs[0].account", code: "NOT_YOUR_ACCOUNT", message: expect.any(String) },
    ]);
    expect(ann.submit("4", "post", { ...pay("t1", "cash", "ann", 5), memo: "gift" }).payload.code).toBe("forbidden");
    expect(clerk.submit("5", "post", { ...pay("t1", "cash", "ann", 5), memo: "gift" }).type).toBe("event_accepted");
    expect(ann.submit("6", "transfer", pay("t2", "ann", "cash", 5)).type).toBe("event_accepted");
  });

  it("[MD-9] refuses what is not there: by funds, overdraft, limit of a transfer, and limit of a day", () => {
    const steps = bank();
    expect(steps.submit("ann", "transfer", pay("t", "ann", "bob", 10_001))).toEqual([
      {
        field: "payload.legs[0].amount",
        code: "INSUFFICIENT_FUNDS",
        message: 'The account "ann" can pay 100.00 EUR now.',
      },
    ]);
    steps.submit("bank", "limit", { account: "ann", overdraft: 500, perTransfer: 6_000, perDay: 9_000 });
    expect(steps.codes("ann", "transfer", pay("t", "ann", "bob", 6_001))).toEqual(["TRANSFER_LIMIT"]);
    expect(steps.codes("ann", "transfer", pay("t1", "ann", "bob", 6_000))).toEqual([]);
    expect(steps.codes("ann", "transfer", pay("t2", "ann", "bob", 3_001))).toEqual(["DAY_LIMIT"]);
    expect(steps.codes("ann", "transfer", pay("t2", "ann", "bob", 3_000))).toEqual([]);
    steps.now += dayMs;
    expect(steps.codes("ann", "transfer", pay("t3", "ann", "bob", 1_501))).toEqual(["INSUFFICIENT_FUNDS"]);
    expect(steps.codes("ann", "transfer", pay("t3", "ann", "bob", 1_500))).toEqual([]);
    expect(steps.codes("bank", "limit", { account: "ann", overdraft: 499 })).toEqual(["OVERDRAFT_USED"]);
    expect(balances(steps)["ann"]).toEqual([-500, 0]);
  });

  it("[TX-16] holds money, and captures all of it, a part, or nothing", () => {
    const steps = bank();
    const hold = (name: string, amount: number) => ({ hold: name, from: "ann", to: "bob", amount });
    expect(steps.codes("bob", "hold", hold("h", 1))).toEqual(["NOT_YOUR_ACCOUNT"]);
    for (const name of ["h1", "h2", "h3"]) expect(steps.codes("ann", "hold", hold(name, 3_000))).toEqual([]);
    expect(balances(steps)).toMatchObject({ ann: [10_000, 9_000], bob: [0, 0] });
    expect(steps.codes("ann", "hold", hold("h4", 1_001))).toEqual(["INSUFFICIENT_FUNDS"]);
    expect(steps.codes("ann", "transfer", pay("t", "ann", "bob", 1_001))).toEqual(["INSUFFICIENT_FUNDS"]);
    // It is promised: the payer does not take it back.
    expect(steps.codes("ann", "release", { hold: "h1" })).toEqual(["NOT_YOUR_ACCOUNT"]);
    expect(steps.codes("bob", "capture", { hold: "h1" })).toEqual([]);
    expect(steps.codes("bob", "capture", { hold: "h2", amount: 3_001 })).toEqual(["ABOVE_HOLD"]);
    expect(steps.codes("bob", "capture", { hold: "h2", amount: 1_000 })).toEqual([]);
    expect(steps.codes("bob", "release", { hold: "h3" })).toEqual([]);
    expect(steps.codes("bob", "capture", { hold: "h3" })).toEqual(["HOLD_NOT_FOUND"]);
    expect(balances(steps)).toMatchObject({ ann: [6_000, 0], bob: [4_000, 0] });
  });

  it("[MD-17] [TX-16] a hold expires by its event only, which its timer submits", () => {
    const steps = bank();
    const hold = { hold: "h", from: "ann", to: "bob", amount: 3_000, seconds: 60 };
    steps.submit("ann", "hold", hold);
    const expiresAt = steps.now + 60_000;
    const caused = (type: string) => {
      const effect = ledgerEffects.of(type) as ((state: object, event: object) => object) | undefined;
      return effect?.(steps.plain<Ledger>(), { payload: { hold: "h" } });
    };
    const payload = { hold: "h", expiresAt };
    expect(caused("hold")).toEqual({ kind: "schedule", key: "hold:h", type: "expire", payload, at: expiresAt });
    for (const type of ["capture", "release"]) expect(caused(type)).toEqual({ kind: "cancel", key: "hold:h" });
    steps.now += dayMs;
    expect(balances(steps)["ann"]).toEqual([10_000, 3_000]);
    expect(steps.codes("timer:hold:h", "expire", { hold: "h", expiresAt: expiresAt - 1 })).toEqual(["HOLD_NOT_FOUND"]);
    expect(steps.codes("timer:hold:h", "expire", payload)).toEqual([]);
    expect(balances(steps)["ann"]).toEqual([10_000, 0]);
    expect(steps.codes("bob", "capture", { hold: "h" })).toEqual(["HOLD_NOT_FOUND"]);
    const room = new TestPartition({ model: ledger });
    expect(room.client("ann").submit("1", "expire", payload).payload.code).toBe("forbidden");
  });

  it("[MD-9] what a hold did not pay is given back to the limit of its day only", () => {
    const steps = bank();
    steps.submit("bank", "limit", { account: "ann", perDay: 1_000 });
    const hold = (name: string) => ({ hold: name, from: "ann", to: "bob", amount: 1_000 });
    steps.submit("ann", "hold", hold("h1"));
    expect(steps.codes("ann", "hold", hold("h2"))).toEqual(["DAY_LIMIT"]);
    steps.submit("bob", "release", { hold: "h1" });
    expect(steps.codes("ann", "hold", hold("h2"))).toEqual([]);
    steps.now += dayMs;
    steps.submit("ann", "hold", hold("h3"));
    steps.submit("bob", "release", { hold: "h2" });
    expect(steps.codes("ann", "hold", hold("h4"))).toEqual(["DAY_LIMIT"]);
  });

  it("[MD-9] reverses a transfer or capture once, if the money is still there", () => {
    const steps = bank();
    steps.submit("ann", "transfer", pay("t1", "ann", "bob", 4_000));
    steps.submit("bob", "transfer", pay("t2", "bob", "ann", 1_000));
    const reverse = (transfer: string) => steps.codes("bank", "reverse", { transfer, reason: "fraud" });
    expect(reverse("t1")).toEqual(["INSUFFICIENT_FUNDS"]);
    expect(reverse("t2")).toEqual([]);
    expect(reverse("t1")).toEqual([]);
    expect(reverse("t1")).toEqual(["ALREADY_REVERSED"]);
    expect(reverse("t9")).toEqual(["TRANSFER_NOT_FOUND"]);
    expect(balances(steps)).toMatchObject({ ann: [10_000, 0], bob: [0, 0] });
    steps.submit("ann", "hold", { hold: "h", from: "ann", to: "bob", amount: 500 });
    steps.submit("bob", "capture", { hold: "h", amount: 200 });
    expect(reverse("h")).toEqual([]);
    expect(balances(steps)).toMatchObject({ ann: [10_000, 0], bob: [0, 0] });
  });

  it("[MD-9] what names the event that it is about does not concern a later transfer or hold of the same name", () => {
    const steps = bank();
    const { now } = steps;
    steps.submit("ann", "transfer", pay("t", "ann", "bob", 100));
    for (let at = 0; at < legsKeptMax / 2; at++) steps.fold("ann", "transfer", pay(`x${at}`, "ann", "bob", 1));
    steps.now += 5;
    expect(steps.codes("bob", "transfer", pay("t", "bob", "ann", 7))).toEqual([]);
    const reverse = (at: number) => steps.codes("bank", "reverse", { transfer: "t", at, reason: "fraud" });
    expect(reverse(now)).toEqual(["TRANSFER_NOT_FOUND"]);
    expect(reverse(now + 5)).toEqual([]);

    const hold = { hold: "h", from: "ann", to: "bob", amount: 500, seconds: 60 };
    steps.submit("ann", "hold", hold);
    const expiresAt = steps.now + 60_000;
    steps.submit("bob", "release", { hold: "h", expiresAt });
    steps.now += 5;
    steps.submit("ann", "hold", hold);
    for (const type of ["capture", "release"]) {
      expect(steps.codes("bob", type, { hold: "h", expiresAt })).toEqual(["HOLD_NOT_FOUND"]);
    }
    expect(steps.codes("bob", "capture", { hold: "h", expiresAt: expiresAt + 5 })).toEqual([]);
    // A captured hold is a transfer, of the time of its capture.
    expect(steps.codes("bank", "reverse", { transfer: "h", at: steps.now, reason: "fraud" })).toEqual([]);
  });

  it("[MD-9] a frozen account receives, and pays nothing but what the bookkeeper moves", () => {
    const steps = bank();
    steps.submit("ann", "hold", { hold: "h", from: "ann", to: "bob", amount: 500 });
    steps.submit("bank", "freeze", { account: "ann", reason: "court" });
    expect(steps.codes("ann", "transfer", pay("t", "ann", "bob", 1))).toEqual(["ACCOUNT_FROZEN"]);
    expect(steps.codes("bob", "capture", { hold: "h" })).toEqual(["ACCOUNT_FROZEN"]);
    expect(steps.codes("bank", "post", { ...pay("t", "ann", "cash", 1), memo: "fee" })).toEqual([]);
    expect(steps.codes("bank", "post", { ...pay("u", "cash", "ann", 1), memo: "fee back" })).toEqual([]);
    expect(steps.codes("bank", "freeze", { account: "ann", reason: "again" })).toEqual(["ACCOUNT_FROZEN"]);
    steps.submit("bank", "unfreeze", { account: "ann", reason: "court" });
    expect(steps.codes("bank", "unfreeze", { account: "ann", reason: "court" })).toEqual(["NOT_FROZEN"]);
    expect(steps.codes("bob", "capture", { hold: "h" })).toEqual([]);
  });

  it("[MD-9] closes an empty account for ever", () => {
    const steps = bank();
    expect(steps.codes("bank", "close", { account: "ann" })).toEqual(["ACCOUNT_IN_USE"]);
    steps.submit("ann", "hold", { hold: "h", from: "ann", to: "bob", amount: 10 });
    expect(steps.codes("bank", "close", { account: "bob" })).toEqual([]);
    expect(steps.codes("bob", "capture", { hold: "h" })).toEqual(["ACCOUNT_CLOSED"]);
    expect(steps.codes("bob", "release", { hold: "h" })).toEqual([]);
    expect(steps.codes("ann", "transfer", pay("t", "ann", "bob", 1))).toEqual(["ACCOUNT_CLOSED"]);
    expect(steps.codes("bank", "open", { account: "bob", currency: "EUR" })).toEqual(["NAME_TAKEN"]);
  });

  it("[MD-9] [AU-10] counts to 2^53 − 1, and refuses what is more", () => {
    const steps = bank();
    steps.submit("bank", "open", { account: "other", currency: "EUR", overdraft: null });
    const post = (name: string, from: string, to: string, amount: number) =>
      steps.codes("bank", "post", { ...pay(name, from, to, amount), memo: "much" });
    expect(post("m1", "other", "bob", max)).toEqual([]);
    expect(post("m2", "cash", "bob", 1)).toEqual(["AMOUNT_OVERFLOW"]);
    expect(post("m3", "other", "ann", 1)).toEqual(["AMOUNT_OVERFLOW"]);
    expect(post("m4", "cash", "ann", max + 1)).toEqual(["SCHEMA_ERROR", "SCHEMA_ERROR"]);
    const legs = [
      { account: "cash", amount: -max },
      { account: "other", amount: -1 },
      { account: "ann", amount: max },
      { account: "bob", amount: 1 },
    ];
    expect(steps.codes("bank", "post", { transfer: "m5", legs, memo: "much" })).toContain("AMOUNT_OVERFLOW");
    expect(steps.codes("bob", "hold", { hold: "h1", from: "bob", to: "ann", amount: max })).toEqual([]);
    expect(steps.codes("bank", "hold", { hold: "h2", from: "cash", to: "ann", amount: 1 })).toEqual([
      "AMOUNT_OVERFLOW",
    ]);
    expect(auditLedger(steps.plain()).faults).toEqual([]);
    expect(auditLedger(steps.plain()).balances["EUR"]).toEqual({
      debit: BigInt(max) + 10_000n,
      credit: BigInt(max) + 10_000n,
      held: BigInt(max),
    });
  });

  it("[MD-9] has the digits of ISO 4217, and exact decimal amounts", () => {
    expect(["EUR", "JPY", "KWD", "CLF", "XXX", "eur"].map(minorDigits)).toEqual([2, 0, 3, 4, undefined, undefined]);
    expect([5, -5, 123_456, max].map((units) => formatAmount(units, "EUR"))).toEqual([
      "0.05",
      "-0.05",
      "1234.56",
      "90071992547409.91",
    ]);
    expect([formatAmount(-7, "JPY"), formatAmount(7, "KWD")]).toEqual(["-7", "0.007"]);
    expect(
      ["12.3", " 12 ", "-0.05", "12.345", "1e3", "", "0.10", "90071992547409.92", "-0"].map((text) =>
        parseAmount(text, "EUR"),
      ),
    ).toEqual([1_230, 1_200, -5, undefined, undefined, undefined, 10, undefined, 0]);
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.constantFrom("EUR", "JPY", "KWD", "CLF"), (units, currency) =>
        Object.is(parseAmount(formatAmount(units, currency), currency), units === 0 ? 0 : units),
      ),
    );
    expect(new ModelSteps(ledger).codes("bank", "open", { account: "x", currency: "EURO" })).toEqual(["SCHEMA_ERROR"]);
  });

  it("[MD-14] takes any word as a name, or refuses it at its field", () => {
    for (const word of ["toString", "hasOwnProperty", "valueOf", "0", "a.b", "漢"]) {
      const steps = bank();
      expect(steps.codes(word, "transfer", pay(word, word, "ann", 1))).toEqual(["ACCOUNT_NOT_FOUND"]);
      expect(steps.submit("bank", "open", { account: word, currency: "EUR", owner: word })).toEqual([]);
      expect(steps.submit("ann", "transfer", pay(word, "ann", word, 2))).toEqual([]);
      // The name of a hold is in the key of a timer: of ASCII characters only.
      const hold = word === "漢" ? "h" : `${word}!`;
      expect(steps.submit(word, "hold", { hold, from: word, to: "bob", amount: 2 })).toEqual([]);
      expect(steps.submit("bob", "capture", { hold })).toEqual([]);
      expect(steps.submit("bank", "close", { account: word })).toEqual([]);
    }
    for (const word of ["__proto__", "constructor", "prototype"]) {
      const steps = bank();
      expect(steps.submit("bank", "open", { account: word, currency: "EUR" })[0]?.field).toBe("payload.account");
      expect(steps.submit("ann", "transfer", pay(word, "ann", "bob", 2))[0]?.field).toBe("payload.transfer");
      expect(steps.submit("ann", "transfer", pay("t", "ann", word, 2))[0]?.field).toBe("payload.legs[1].account");
    }
  });

  it("[MD-11] [MD-15] keeps a bounded number of transfers, and its work does not grow with accounts and transfers", () => {
    const workAt = (accounts: number, transfers: number) => {
      const steps = bank();
      for (let at = 0; at < accounts; at++) {
        steps.fold("bank", "open", { account: `a${at}`, currency: "EUR", overdraft: null });
      }
      for (let at = 0; at < transfers; at++) {
        steps.fold("bank", "transfer", pay(`t${at}`, `a${at % accounts}`, `a${(at + 1) % accounts}`, 1));
      }
      const hold = { hold: "h", from: "ann", to: "bob", amount: 5 };
      const work = (
        [
          ["ann", "transfer", pay("x1", "ann", "bob", 5)],
          ["bank", "post", { ...pay("x2", "cash", "a7", 5), memo: "x" }],
          ["ann", "hold", hold],
          ["bob", "capture", { hold: "h" }],
          ["bank", "reverse", { transfer: "x1", reason: "x" }],
          ["bank", "freeze", { account: "bob", reason: "x" }],
          ["bank", "open", { account: "new", currency: "EUR" }],
        ] as const
      ).map(([author, type, payload]) => {
        expect(steps.submit(author, type, payload)).toEqual([]);
        return steps.work;
      });
      return { work, state: steps.plain<Ledger>() };
    };
    const few = workAt(100, 100);
    const many = workAt(3_000, legsKeptMax / 2 + 500);
    // One more for each event that forgets an old transfer.
    for (const [at, units] of many.work.entries()) expect(units - few.work[at]!).toBeLessThan(40);
    expect(Math.max(...many.work)).toBeLessThan(300);
    expect(Object.keys(many.state.transfers)).toHaveLength(legsKeptMax / 2);
    expect(many.state.transfers["t0"]).toBeUndefined();
    expect(auditLedger(many.state).faults).toEqual([]);
  });

  it("[BD-1] the largest transfer takes a small part of the work of a draft", () => {
    const steps = bank();
    const legs = Array.from({ length: 32 }, (_, at) => ({ account: `a${at}`, amount: at % 2 === 0 ? -5 : 5 }));
    for (const { account } of legs) steps.submit("bank", "open", { account, currency: "EUR", overdraft: null });
    expect(steps.submit("bank", "transfer", { transfer: "t", legs })).toEqual([]);
    expect(steps.work).toBeLessThan(4_000);
  });
});

describe("a statement", () => {
  it("[MD-9] lists what an account received and paid in a period, from the events of the log", async () => {
    const room = new TestPartition({ model: ledger });
    const clerk = room.open({ principal: "bank", permissions: "all", expiresAt: 1_900_000_000_000 });
    clerk.connect("bank", { authors: true });
    let drafts = 0;
    const submit = (type: string, payload: object) =>
      expect(clerk.submit(`d${drafts++}`, type, payload).type).toBe("event_accepted");
    for (const account of ["cash", "shop"]) submit("open", { account, currency: "EUR", overdraft: null });
    submit("post", { ...pay("before", "cash", "shop", 700), memo: "x" });
    const from = (room.now += dayMs);
    submit("transfer", { ...pay("t1", "shop", "cash", 100), memo: "rent" });
    submit("hold", { hold: "h1", from: "cash", to: "shop", amount: 50 });
    submit("capture", { hold: "h1", amount: 30 });
    submit("reverse", { transfer: "t1", reason: "wrong" });
    const to = (room.now += dayMs);
    submit("transfer", pay("after", "shop", "cash", 9));
    const [page] = clerk.send("sync", { sinceEventId: 0 });
    const events = page!.payload.events as NumberedEvent[];
    const statement = await statementOf(events, "shop", { from, to });
    expect(statement).toMatchObject({ account: "shop", currency: "EUR", opening: 700, closing: 730 });
    expect(
      statement.entries.map(({ eventId, type, transfer, memo, amount, balance, author }) => [
        eventId,
        type,
        transfer,
        memo,
        amount,
        balance,
        author,
      ]),
    ).toEqual([
      [4, "transfer", "t1", "rent", -100, 600, "bank"],
      [6, "capture", "h1", undefined, 30, 630, "bank"],
      [7, "reverse", "t1", "wrong", 100, 730, "bank"],
    ]);
    const start = room.state(3) as Ledger;
    expect(await statementOf(events.slice(3), "shop", { from, to }, start)).toEqual(statement);
    expect(await statementOf(events, "nobody", { from, to })).toMatchObject({ currency: undefined, entries: [] });
  });
});

const who = fc.constantFrom("ann", "bob", "bank");
const account = fc.constantFrom("a", "a", "b", "b", "c", "c", "$");
const transferName = fc.constantFrom("t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8");
const units = fc.integer({ min: 1, max: 40 });
const limits = {
  overdraft: fc.constantFrom(null, 0, 30),
  perTransfer: fc.constantFrom(null, 20),
  perDay: fc.constantFrom(null, 50),
};
const legs = fc
  .uniqueArray(account, { minLength: 2, maxLength: 3 })
  .chain((accounts) =>
    fc.tuple(fc.constant(accounts), fc.array(units, { minLength: 3, maxLength: 3 }), fc.nat(9), fc.boolean()),
  )
  .map(([accounts, amounts, chance, sign]) => {
    const all = accounts.map((each, at) => ({ account: each, amount: sign ? amounts[at]! : -amounts[at]! }));
    // Nearly always balanced.
    const rest = all.slice(1).reduce((total, leg) => total + leg.amount, 0);
    if (chance > 0) all[0]!.amount = -rest;
    return all;
  });
const owners = { a: "bank", b: "ann", c: "bob", $: "ann" } as const;
/** Mostly of the owner of the account that pays first. */
const byOwner = (type: string, payload: fc.Arbitrary<object>) =>
  fc
    .record({
      type: fc.constant(type),
      payload,
      author: who,
      passed: fc.constantFrom(0, 1_000, dayMs / 3),
      chance: fc.nat(9),
    })
    .map(({ chance, author, type: of, payload: drawn, passed }) => {
      const { legs: all, from } = drawn as { legs?: { account: string; amount: number }[]; from?: string };
      const payer = (from ?? all?.find(({ amount }) => amount < 0)?.account) as keyof typeof owners | undefined;
      return { type: of, payload: drawn, passed, author: chance > 1 && payer ? owners[payer] : author };
    });
const of = (type: string, payload: fc.Arbitrary<object>, author = who) =>
  fc.record({ type: fc.constant(type), payload, author, passed: fc.constantFrom(0, 1_000, dayMs / 3) });
const begin = (["a", "b", "c", "$"] as const).map((name, at) => ({
  type: "open",
  payload: { account: name, currency: name === "$" ? "USD" : "EUR", overdraft: at === 0 ? null : 80 },
  author: owners[name],
  passed: 0,
}));
const drafts = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: byOwner("transfer", fc.record({ transfer: transferName, legs })) },
    { weight: 3, arbitrary: of("post", fc.record({ transfer: transferName, legs, memo: fc.constant("m") })) },
    {
      weight: 3,
      arbitrary: byOwner("hold", fc.record({ hold: transferName, from: account, to: account, amount: units })),
    },
    {
      weight: 3,
      arbitrary: of("capture", fc.record({ hold: transferName, amount: units }, { requiredKeys: ["hold"] })),
    },
    of("release", fc.record({ hold: transferName })),
    of("expire", fc.record({ hold: transferName, expiresAt: fc.constant(0) })),
    of("reverse", fc.record({ transfer: transferName, reason: fc.constant("r") })),
    of(
      "limit",
      fc
        .record({ account, ...limits }, { requiredKeys: ["account"] })
        .filter((payload) => Object.keys(payload).length > 1),
    ),
    of("freeze", fc.record({ account, reason: fc.constant("r") })),
    of("unfreeze", fc.record({ account, reason: fc.constant("r") })),
    of("close", fc.record({ account })),
    of("open", fc.record({ account: fc.constantFrom("a", "d"), currency: fc.constant("EUR") })),
  ),
  { minLength: 10, maxLength: 40, size: "max" },
);

/** An expiry gets the time of its hold. */
function timely(type: string, payload: object, holds: Record<string, { expiresAt: number }>): object {
  if (type !== "expire") return payload;
  return { ...payload, expiresAt: holds[(payload as { hold: string }).hold]?.expiresAt ?? 0 };
}

describe("ledger, at random", () => {
  it("[MD-9] [TX-8] [TX-10] decides as the naive ledger does, and the books are right after each event", () => {
    let accepted = 0;
    fc.assert(
      fc.property(drafts, (all) => {
        const steps = new ModelSteps(ledger);
        const naive = emptyLedger();
        for (const { type, payload: drawn, author, passed } of [...begin, ...all]) {
          const payload = timely(type, drawn, naive.holds);
          steps.now += passed;
          const objections = steps.submit(author, type, payload);
          const expected = applyToLedger(naive, { type, payload, author, timestamp: steps.now });
          expect([type, payload, objections]).toEqual([type, payload, expected ? [] : expect.anything()]);
          if (expected && type !== "open") accepted++;
          // No draft comes as far as the invariants: the rules say why it is rejected.
          else expect(objections.map(({ code }) => code)).not.toContain("INVARIANT");
          const day = Math.floor(steps.now / dayMs);
          const state = steps.plain<Ledger>();
          const [seen, wanted] = [ledgerView(state, day), naiveView(naive, day)] as JsonObject[];
          expect(canonicalJson(seen!)).toBe(canonicalJson(wanted!));
          expect(auditLedger(state).faults).toEqual([]);
        }
      }),
      { numRuns: 400 },
    );
    // The drafts are such that they reach what they are to test.
    expect(accepted).toBeGreaterThan(1_000);
  });

  it("[MD-12] undoes what the bookkeeper has done, but for the names of transfers", () => {
    const withoutTransfers = (state: Ledger) =>
      canonicalJson({ ...state, transfers: {}, oldest: "", newest: "", legsKept: 0 } as unknown as JsonObject);
    let undone = 0;
    fc.assert(
      fc.property(drafts, (all) => {
        const steps = new ModelSteps(ledger);
        for (const { type, payload, author } of [...begin, ...all]) {
          const before = withoutTransfers(steps.plain());
          const accepts = applyToCopy(steps, author, type, payload);
          const undo = accepts ? steps.undoOf(author, type, payload) : undefined;
          expect(steps.submit(author, type, payload).length === 0).toBe(accepts);
          if (!Array.isArray(undo) || type === "open") continue;
          undone++;
          for (const draft of undo) expect(steps.submit("bank", draft.type, draft.payload)).toEqual([]);
          expect(withoutTransfers(steps.plain())).toBe(before);
        }
      }),
      { numRuns: 200 },
    );
    expect(undone).toBeGreaterThan(50);
    // A payment is final for its payer: otherwise everybody could take money back.
    expect(bank().undoOf("ann", "transfer", pay("t", "ann", "bob", 1))).toBeUndefined();
    expect(bank().undoOf("bank", "open", { account: "new", currency: "EUR" })).toEqual([
      { type: "close", payload: { account: "new" } },
    ]);
  });
});

/** Whether the model accepts a draft, without a change of the state. */
function applyToCopy(steps: ModelSteps, author: string, type: string, payload: object): boolean {
  const copy = new ModelSteps(defineModel({ ...ledger, initialState: () => steps.plain<Ledger>() }) as typeof ledger);
  copy.now = steps.now;
  return copy.submit(author, type, payload).length === 0;
}

describe("the audit of a ledger", () => {
  it.each([
    ["the balances of each currency sum to zero", { balance: 1 }],
    ["accounts and holds count the same as held", { held: 1 }],
    ["no account owes more than its overdraft", { held: 10_001 }],
  ])("[TX-10] invariants are checked with each event: %s", (name, wrong) => {
    const { freeze } = ledger.events;
    const reduce: typeof freeze.reduce = (state) => changeAccount(state, "ann", wrong);
    const faulty = defineModel({ ...ledger, events: { ...ledger.events, freeze: { ...freeze, reduce } } });
    const steps = bank(faulty as typeof ledger);
    const before = steps.canonical();
    const answer = steps.submit("bank", "freeze", { account: "ann", reason: "x" });
    expect(answer).toContainEqual({ field: "", code: "INVARIANT", message: name });
    expect(steps.canonical()).toBe(before);
  });

  it.each<[string, (state: Ledger) => void]>([
    ["a balance", (state) => (state.accounts["ann"]!.balance += 1)],
    ["two balances", (state) => ((state.accounts["ann"]!.balance += 1), (state.accounts["bob"]!.balance -= 1))],
    ["what is held", (state) => (state.accounts["ann"]!.held += 1)],
    ["a hold", (state) => void delete state.holds["h"]],
    ["a running total", (state) => (state.sums["EUR"]!.balance += 1)],
    ["the kept transfers", (state) => void delete state.transfers["p0"]],
  ])("[LC-6] the full sums find a change of %s", (_, change) => {
    const steps = bank();
    steps.submit("ann", "hold", { hold: "h", from: "ann", to: "bob", amount: 10 });
    const state = steps.plain<Ledger>();
    expect(auditLedger(state).faults).toEqual([]);
    change(state);
    expect(auditLedger(state).faults).not.toEqual([]);
  });
});
