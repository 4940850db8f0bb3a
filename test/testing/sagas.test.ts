import { describe, expect, it } from "vitest";
import { bank, bankEffects, pending, transit } from "../support/bank.ts";
import { testAuthority } from "../../src/testing/index.ts";

/** Three banks: `ann` has 1,000 in the first, `bob` and `cat`, who is closed, have an account in the last. */
async function banks() {
  const authority = testAuthority({ models: { "bank-*": bank }, effects: [bankEffects] });
  const at = (n: number) => authority.partition(`bank-${n}`, bank);
  const keeper = (n: number) => at(n).as("user:keeper");
  const open = async (n: number, account: string, more: object = {}) =>
    await keeper(n).submit("open", { account, currency: "EUR", ...more }, { key: `open-${account}` });
  for (const n of [1, 2, 3])
    for (const account of [transit, pending, "in", "out", "cash"]) await open(n, account, { overdraft: null });
  await open(1, "ann", { owner: "user:ann" });
  await open(3, "bob");
  await open(3, "cat");
  await keeper(3).submit("close", { account: "cat" }, { key: "close" });
  const funds = [
    { account: "cash", amount: -1_000 },
    { account: "ann", amount: 1_000 },
  ];
  await keeper(1).submit("post", { transfer: "funds", legs: funds, memo: "funds" }, { key: "funds" });
  const pay = async (saga: string, to: string, amount = 100) =>
    await at(1)
      .as("user:ann")
      .submit("pay.start", { saga, input: { from: "ann", via: "bank-2", bank: "bank-3", to, amount } }, { key: saga });
  const balance = async (n: number, account: string) => (await at(n).state()).accounts[account]!.balance;
  const run = async (saga: string) => (await at(1).state()).sagas.runs[saga];
  const types = async (n: number) =>
    (await at(n).log()).map(({ event }) => event.type).filter((type) => !["open", "close"].includes(type));
  return { authority, at, pay, balance, run, types };
}

describe("sagas", () => {
  it("[TX-14] [TX-15] a transfer between ledgers is done step by step, and its verdict comes before", async () => {
    const { authority, pay, balance, run, types } = await banks();
    expect(await pay("one", "bob")).toMatchObject({ status: "accepted" });
    expect(await balance(1, "ann")).toBe(900);
    await authority.settle();
    expect(await run("one")).toMatchObject({ status: "COMPLETED", step: 2 });
    expect([
      await balance(1, transit),
      await balance(2, "out"),
      await balance(3, transit),
      await balance(3, "bob"),
    ]).toEqual([100, 100, -100, 100]);
    expect(await balance(3, pending)).toBe(0);
    expect(await types(1)).toEqual(["post", "pay.start", "pay.accepted", "pay.accepted", "pay.accepted"]);
    expect(await types(2)).toEqual(["post"]);
  });

  it("[TX-14] a step that is rejected has those before it undone, the last one first, and nothing is left of it", async () => {
    const { authority, pay, balance, run, types } = await banks();
    await pay("one", "cat");
    await authority.settle();
    expect(await run("one")).toMatchObject({
      status: "COMPENSATED",
      problem: { step: 2, code: "validation_failed" },
    });
    expect(await types(1)).toEqual([
      "post",
      "pay.start",
      "pay.accepted",
      "pay.accepted",
      "pay.rejected",
      "pay.accepted",
      "pay.accepted",
    ]);
    expect(await types(3)).toEqual(["post", "reverse"]);
    expect([
      await balance(1, "ann"),
      await balance(1, transit),
      await balance(2, "out"),
      await balance(3, pending),
    ]).toEqual([1_000, 0, 0, 0]);
  });
});
