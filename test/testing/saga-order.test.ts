import { describe, expect, it } from "vitest";
import { testAuthority } from "../../src/testing/index.ts";
import { bank, shop, shopEffects, stock } from "../support/order.ts";

/** A shop, ten lamps of its stock, and `ann`, who has 100. */
async function openShop() {
  const authority = testAuthority({ models: { shop, stock, bank }, effects: [shopEffects] });
  const seller = "user:seller";
  const stocked = { item: "lamp", location: "hall", quantity: 10 };
  await authority.partition("stock", stock).as(seller).submit("restock", stocked, { key: "restock" });
  const ledger = authority.partition("bank", bank);
  for (const [account, overdraft] of [
    ["cash", null],
    ["sales", 0],
    ["ann", 0],
  ] as const) {
    await ledger.as(seller).submit("open", { account, currency: "EUR", overdraft }, { key: `open-${account}` });
  }
  const legs = [
    { account: "cash", amount: -100 },
    { account: "ann", amount: 100 },
  ];
  await ledger.as(seller).submit("post", { transfer: "funds", legs, memo: "funds" }, { key: "funds" });
  const desk = authority.partition("shop", shop);
  return {
    buy: async (saga: string, quantity: number, amount: number) => {
      const input = { item: "lamp", quantity, account: "ann", amount };
      await desk.as("user:ann").submit("order.start", { saga, input }, { key: saga });
      await authority.settle();
      return (await desk.state()).sagas.runs[saga]!;
    },
    shown: async () => {
      const { items, holds } = await authority.partition("stock", stock).state();
      const { accounts } = await ledger.state();
      const { onHand, held } = items["lamp"]!.stock["hall"]!;
      return {
        onHand,
        held,
        holds: Object.keys(holds),
        ann: accounts["ann"]!.balance,
        sales: accounts["sales"]!.balance,
      };
    },
  };
}

describe("reserve, then confirm or release", () => {
  it("[TX-14] an order reserves its units, is paid, and takes them", async () => {
    const { buy, shown } = await openShop();
    expect(await buy("o-1", 3, 60)).toMatchObject({ status: "COMPLETED" });
    expect(await shown()).toEqual({ onHand: 7, held: 0, holds: [], ann: 40, sales: 60 });
  });

  it("[TX-14] an order that cannot be paid releases what it has reserved, and one that cannot reserve pays nothing", async () => {
    const { buy, shown } = await openShop();
    expect(await buy("o-1", 3, 101)).toMatchObject({ status: "COMPENSATED", problem: { step: 1 } });
    expect(await buy("o-2", 11, 60)).toMatchObject({ status: "COMPENSATED", problem: { step: 0 } });
    expect(await shown()).toEqual({ onHand: 10, held: 0, holds: [], ann: 100, sales: 0 });
  });
});
