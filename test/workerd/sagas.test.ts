import { SELF } from "cloudflare:test";
import { expect, it, vi } from "vitest";
import { endOfSaga, readSaga } from "../../src/client/sagas.ts";
import { pending, transit } from "../support/bank.ts";
import { fresh } from "./wire.ts";

// Answers of every shape
const ask = async (path: string, init?: RequestInit): Promise<any> =>
  await (await SELF.fetch(`http://127.0.0.1/v1/partitions/${path}`, init)).json();
const submit = (partition: string, key: string, type: string, payload: object) =>
  ask(`${partition}/events`, {
    method: "POST",
    headers: { "idempotency-key": key },
    body: JSON.stringify({ type, payload }),
  });

/** Three banks, of which the first and the last have an account: with 1,000, and without money. */
async function banks(): Promise<[string, string, string]> {
  const names = [fresh("bank"), fresh("bank"), fresh("bank")] as [string, string, string];
  const open = (partition: string, account: string, more: object = {}) =>
    submit(partition, `open-${account}`, "open", { account, currency: "EUR", ...more });
  for (const name of names)
    for (const account of [transit, pending, "in", "out", "cash"]) await open(name, account, { overdraft: null });
  await open(names[0], "ann");
  await open(names[2], "bob");
  const legs = [
    { account: "cash", amount: -1_000 },
    { account: "ann", amount: 1_000 },
  ];
  await submit(names[0], "funds", "post", { transfer: "funds", legs, memo: "funds" });
  return names;
}

it("[TX-14] [TX-15] a transfer between the ledgers of two objects is completed, or nothing is left of it", async () => {
  const [from, via, to] = await banks();
  const pay = (saga: string, account: string) =>
    submit(from, saga, "pay.start", { saga, input: { from: "ann", via, bank: to, to: account, amount: 100 } });
  const stateOf = async (name: string) => (await ask(`${name}/state`)).state;
  const ended = async (saga: string, status: string) =>
    await vi.waitFor(async () => expect((await stateOf(from)).sagas.runs[saga]).toMatchObject({ status }), {
      timeout: 20_000,
      interval: 20,
    });
  expect(await pay("good", "bob")).toMatchObject({ event: { type: "pay.start" } });
  await pay("bad", "nobody");
  await ended("good", "COMPLETED");
  await ended("bad", "COMPENSATED");
  const [payer, payee] = [await stateOf(from), await stateOf(to)];
  expect([payer.accounts.ann.balance, payer.accounts[transit].balance]).toEqual([900, 100]);
  expect([payee.accounts.bob.balance, payee.accounts[pending].balance, payee.accounts[transit].balance]).toEqual([
    100, 0, -100,
  ]);
});

it("[TX-14] [ID-6] who has not the state of a partition waits for a saga by requests, as often as Retry-After says", async () => {
  const [from, via, to] = await banks();
  const asked: (string | null)[] = [];
  const address = (saga: string) => ({
    url: "http://127.0.0.1",
    partition: from,
    saga,
    fetch: async (url: string, init: RequestInit) => {
      const response = await SELF.fetch(url, init as never);
      asked.push(response.headers.get("retry-after"));
      return response as unknown as Response;
    },
  });
  await expect(readSaga(address("t"))).rejects.toMatchObject({ problem: { code: "not_found" } });
  asked.length = 0;
  const input = { from: "ann", via, bank: to, to: "bob", amount: 100 };
  await submit(from, "t", "pay.start", { saga: "t", input });
  expect(await endOfSaga(address("t"))).toMatchObject({ id: "t", state: "succeeded", status: "COMPLETED", steps: 3 });
  // How often it was asked for depends on how fast its steps are.
  expect(asked.slice(0, -1).every((seconds) => seconds === "1")).toBe(true);
  expect(asked.at(-1)).toBe(null);
});
