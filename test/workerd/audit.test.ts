import { env, runInDurableObject, SELF } from "cloudflare:test";
import { expect, it, vi } from "vitest";
import {
  type AuditedEvent,
  type AuditKey,
  checkEntry,
  checkGrowth,
  type Growth,
} from "../../src/models/ledger/index.ts";
import { fresh } from "./wire.ts";

const segment = 1_024;
const perBatch = 64;

async function ask<Answer>(path: string, init?: RequestInit): Promise<Answer & { status: number }> {
  const response = await SELF.fetch(`http://127.0.0.1/v1/${path}`, init);
  return { ...((await response.json()) as Answer), status: response.status };
}

/** Opens accounts, so that the log has `count` events. */
async function grow(book: string, count: number): Promise<void> {
  for (let from = 0; from < count; from += perBatch) {
    const events = Array.from({ length: Math.min(perBatch, count - from) }, (_, at) => ({
      draftId: `d-${from + at}`,
      event: { type: "open", payload: { account: `account-${from + at}`, currency: "EUR" } },
    }));
    const answer = await ask(`partitions/${book}/events`, {
      method: "POST",
      headers: { "idempotency-key": `b-${from}` },
      body: JSON.stringify({ mode: "sequential", events }),
    });
    expect(answer.status).toBe(200);
  }
}

it("[MD-9] a ledger seals its log by an alarm, and a reader checks its entries by what the server hands out", async () => {
  const book = fresh("book");
  const at = `partitions/${book}/proofs`;
  expect(await ask(`${at}/head`)).toMatchObject({ status: 404, code: "not_found" });
  await grow(book, segment + 3);
  const { head } = await vi.waitFor(async () => {
    const answer = await ask<{ head: string }>(`${at}/head`);
    expect(answer.status).toBe(200);
    return answer;
  }, 20_000);
  const { keys } = await ask<{ keys: AuditKey[] }>("audit-keys");
  expect(keys.map(({ kid }) => kid)).toEqual(["audit-2", "audit-1"]);
  for (const eventId of [1, 500, segment]) {
    const proof = await ask<{ path: string[]; head: string }>(`${at}/${eventId}`);
    expect(proof.head).toBe(head);
    const page = await ask<{ events: { event: Omit<AuditedEvent, "eventId"> }[] }>(
      `partitions/${book}/events?since=${eventId - 1}&limit=1&authors=true`,
    );
    const event = { eventId, ...page.events[0]!.event };
    expect(event.author).toBeDefined();
    const expected = { tenant: "default", partition: book };
    expect(await checkEntry({ event, path: proof.path }, head, keys, expected)).toMatchObject({
      proven: true,
      head: { ...expected, size: segment },
    });
    const forged = { ...event, payload: { account: "mine", currency: "EUR" } };
    expect(await checkEntry({ event: forged, path: proof.path }, head, keys)).toMatchObject({ fault: "not_in_log" });
  }
  const growth = await ask<Growth>(`${at}/consistency?from=${segment}`);
  expect(growth).toMatchObject({ earlier: head, head, path: [] });
  expect(await checkGrowth(growth, keys, { partition: book })).toMatchObject({ proven: true });
  for (const path of [
    `${segment + 1}`,
    `1?size=${2 * segment}`,
    `consistency?from=${2 * segment}`,
    `consistency?from=${segment}&size=${2 * segment}`,
  ]) {
    expect(await ask(`${at}/${path}`)).toMatchObject({ status: 404, code: "not_found" });
  }
  for (const path of ["0", "-1", "1.5", "x", "9".repeat(16), `1?size=x`, "consistency", "consistency?from=x"]) {
    expect(await ask(`${at}/${path}`)).toMatchObject({ status: 400, code: "bad_request" });
  }
  for (const path of ["head", "1"]) {
    const answer = await ask(`${at}/${path}`, { headers: { "partita-client-id": "not one id" } });
    expect(answer).toMatchObject({ status: 400, code: "bad_request" });
  }
  const rows = await runInDurableObject(env.PARTITIONS.getByName(`default/${book}`), (_, { storage }) =>
    storage.sql.exec("SELECT segment, length(nodes) AS nodes, length(leaves) AS leaves FROM audit_segments").toArray(),
  );
  expect(rows).toEqual([{ segment: 0, nodes: 32, leaves: 32 * segment }]);
});

it("[MD-9] a partition of another model has no proofs", async () => {
  expect(await ask(`partitions/${fresh()}/proofs/head`)).toMatchObject({ status: 404, code: "not_found" });
  expect(await ask(`partitions/${fresh()}/proofs/1`)).toMatchObject({ status: 404, code: "not_found" });
});
