import { exportJWK, generateKeyPair } from "jose";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { leafHash, nodeHash } from "../../src/core/audit/merkle.ts";
import { hexOf } from "../../src/core/hex.ts";
import { type AuditKeys, auditKeysOf } from "../../src/identity/audit-keys.ts";
import { sha256 } from "../../src/platform/hash.ts";
import { leafText } from "../../src/protocol/index.ts";
import { browserPresent, launchBrowser, openContext, openPage } from "../support/browser.ts";
import type { proofPage as ProofPage } from "./proof-page.ts";

declare const proofPage: typeof ProofPage;

const event = (eventId: number) => ({
  eventId,
  partition: "book",
  type: "transfer",
  timestamp: 1_700_000_000_000,
  clientId: "c",
  author: "ann",
  payload: { transfer: `t-${eventId}`, memo: "Grüße 😀 \u2028" },
});

describe.runIf(browserPresent)("a page that checks an entry", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  test.each(["ES256", "EdDSA"])("[MD-9] proves it by a head of %s, and nothing else", async (alg) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    const { sign, published } = auditKeysOf({
      PARTITA_AUDIT_KEYS: JSON.stringify({ keys: [{ ...(await exportJWK(privateKey)), kid: "k" }] }),
    }) as AuditKeys;
    const leaves = [1, 2].map((id) => leafHash(sha256, leafText(event(id))));
    const root = hexOf(nodeHash(sha256, leaves[0]!, leaves[1]!));
    const log = { tenant: "default", partition: "book", logId: "log", size: 2, timestamp: 1 };
    const head = await sign({ ...log, root });
    const context = await openContext(browser, "proof-page.ts");
    onTestFinished(() => context.close());
    const { page, complaints } = await openPage(context);
    const check = (id: number) =>
      page.evaluate(([entry, signed, keys]) => proofPage.checkEntry(entry, signed, keys), [
        { event: event(id), path: [hexOf(leaves[1]!)] },
        head,
        published,
      ] as const);
    expect(await check(1)).toEqual({ proven: true, head: { ...log, root } });
    expect(await check(2)).toMatchObject({ proven: false, fault: "not_in_log" });
    expect(complaints).toEqual([]);
  });
});
