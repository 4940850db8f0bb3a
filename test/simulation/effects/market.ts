import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { type AuditedEvent, checkEntry, checkGrowth, ledger } from "../../../src/models/ledger/index.ts";
import { ledgerEffects } from "../../../src/models/ledger/effects.ts";
import { inventory } from "../../../src/models/inventory/index.ts";
import { inventoryEffects } from "../../../src/models/inventory/effects.ts";
import type { AuditHead, JsonObject } from "../../../src/protocol/index.ts";
import { segmentEvents } from "../../../src/protocol/index.ts";
import { applyToInventory, emptyInventory, inventoryState } from "../naive-inventory.ts";
import { applyToLedger, emptyLedger, ledgerView, naiveView } from "../naive-ledger.ts";
import type { Trace } from "../trace.ts";
import { bankName, lamp, purseOf, stockName, tillOf } from "./model.ts";
import { type Event, eventsOf, rows } from "./log.ts";
import type { Node } from "./node.ts";

const dayMs = 86_400_000;
const { privateKey } = generateKeyPairSync("ed25519");
const publicKey = { ...createPublicKey(privateKey).export({ format: "jwk" }), kid: "k" } as never;

/** The models of the market, which take orders from the nodes. */
export const stockParts = {
  model: { ...inventory, accepts: [{ from: "node-*", types: ["reserve", "confirm", "release"] }] },
  effects: inventoryEffects,
};
export const bankParts = {
  model: { ...ledger, accepts: [{ from: "node-*", types: ["hold", "capture", "release"] }] },
  effects: ledgerEffects,
  /** At once, because a run has no time but its own. */
  signHead: (head: AuditHead): Promise<string> => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const signed = `${part({ alg: "EdDSA", kid: "k", typ: "partita-audit-head" })}.${part(head)}`;
    return Promise.resolve(`${signed}.${sign(null, Buffer.from(signed), privateKey).toString("base64url")}`);
  },
};

/** Fills the shelf, and opens the accounts of the nodes. `moved`: as many transfers, so that the log has segments. */
export async function openMarket(stock: Node, bank: Node, nodes: readonly Node[], moved: number): Promise<void> {
  await stock.submit("restock", "restock", { ...lamp, quantity: 40 });
  const accounts = nodes.flatMap(({ name }) =>
    [purseOf(name), tillOf(name)].map((account) => ({ account, currency: "EUR", owner: `partition:${name}` })),
  );
  for (const account of accounts) await bank.submit(account.account, "open", account);
  await bank.submit("mint", "open", { account: "mint", currency: "EUR", owner: "user:a", overdraft: null });
  const to = purseOf(nodes[0]!.name);
  const legs = (account: string, amount: number) => [
    { account: "mint", amount: -amount },
    { account, amount },
  ];
  for (const { name } of nodes) {
    await bank.submit(`pay-${name}`, "transfer", { transfer: `pay-${name}`, legs: legs(purseOf(name), 1_000) });
  }
  for (let at = 0; at < moved; at++) {
    await bank.submit(`move-${at}`, "transfer", { transfer: `move-${at}`, legs: legs(to, 1) });
  }
}

/** Whether a hold is open, or a timer waits. */
export function isOpen(node: Node): boolean {
  return rows(node, "SELECT 1 FROM timers").length > 0;
}

/** Each log folds to its state by rules that are written down again, and each hold has ended by its event, not before its time. */
export async function judgeMarket(stock: Node, bank: Node, trace: Trace): Promise<void> {
  const shelf = emptyInventory();
  const books = emptyLedger();
  fold(stockName, eventsOf(stock), trace, (event) => applyToInventory(shelf, event), 600_000);
  fold(bankName, eventsOf(bank), trace, (event) => applyToLedger(books, event));
  const { items, totals } = (await stock.state()) as any;
  const naive = inventoryState(shelf);
  const [got, expected] = [items.lamp?.stock, naive.items.lamp?.stock].map((value) => JSON.stringify(value));
  trace.check(got === expected, () => `${stockName}: the shelf has ${got}, and not ${expected}`);
  trace.check(totals.held === 0, () => `${stockName}: ${totals.held} units are held at the end`);
  const ledgerState = (await bank.state()) as any;
  const today = Math.floor(Number(eventsOf(bank).at(-1)?.timestamp ?? 0) / dayMs);
  const [view, naiveLedger] = [ledgerView(ledgerState, today), naiveView(books, today)].map((value) => sorted(value));
  trace.check(view === naiveLedger, () => `${bankName}: the books are ${view}, and not ${naiveLedger}`);
  trace.check(Object.keys(ledgerState.holds).length === 0, () => `${bankName}: money is held at the end`);
  await judgeAudit(bank, trace);
}

/** Each event of the log has to fit, and each hold that a clock ends is ended by its own timer, when it is due. */
function fold(
  name: string,
  events: readonly Event[],
  trace: Trace,
  apply: (event: { type: string; payload: JsonObject; author: string; timestamp: number }) => boolean,
  holdMs?: number,
): void {
  const due = new Map<string, number>();
  for (const { eventId, type, payload, principal, timestamp } of events) {
    const hold = String(payload["hold"]);
    if (type === "reserve" || type === "hold")
      due.set(hold, timestamp + (holdMs ?? Number(payload["seconds"]) * 1_000));
    if (type === "expire") {
      trace.check(
        principal === `timer:hold:${hold}`,
        () => `${name}: event ${eventId} expires ${hold} by ${principal}`,
      );
      trace.check(payload["expiresAt"] === due.get(hold), () => `${name}: event ${eventId} is of another hold ${hold}`);
    }
    trace.check(apply({ type, payload, author: principal, timestamp }), () => `${name}: event ${eventId} does not fit`);
  }
}

/** The log is sealed up to its last whole segment, and its events are in it, as they are stored. */
async function judgeAudit(bank: Node, trace: Trace): Promise<void> {
  const events = eventsOf(bank);
  const sealed = Math.floor(events.length / segmentEvents);
  const heads = rows(bank, "SELECT head FROM audit_segments ORDER BY segment").map(({ head }) =>
    new TextDecoder().decode(head as Uint8Array),
  );
  trace.check(heads.length === sealed, () => `${bankName}: ${heads.length} segments are sealed, and not ${sealed}`);
  if (heads.length === 0) return;
  for (const { eventId, type, version, timestamp, clientId, principal, payload } of [
    events[0]!,
    events[sealed * segmentEvents - 1]!,
  ]) {
    const { path, head } = await bank.proof(eventId);
    const event: AuditedEvent = {
      eventId,
      partition: bankName,
      type,
      version,
      timestamp,
      clientId,
      author: principal,
      payload,
    };
    const result = await checkEntry({ event, path }, head, [publicKey]);
    trace.check(
      result.proven,
      () => `${bankName}: event ${eventId} is not in the audited log: ${JSON.stringify(result)}`,
    );
  }
  for (const [at, earlier] of heads.entries()) {
    const { path, head } = await bank.growth((at + 1) * segmentEvents);
    const result = await checkGrowth({ earlier, head, path }, [publicKey]);
    trace.check(result.proven, () => `${bankName}: head ${at} is not of the same log: ${JSON.stringify(result)}`);
  }
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
}
