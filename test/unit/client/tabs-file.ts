import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, vi } from "vitest";
import { createClient } from "../../../src/client/index.ts";
import { sqliteStore } from "../../../src/client/stores/sqlite.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
// Here from the start: of the files that a client loads by itself, only that for tabs is to be late.
import "../../../src/client/stores/resilient.ts";

/** Another process may hold the machine for a while. */
const soon = { timeout: 4_000 };

/**
 * Expects of a client, whose code for tabs loads as given, that it does without it. Once in a test file: the end of a
 * mock takes effect later.
 */
export async function expectToWorkAlone(loads: () => Promise<never>): Promise<void> {
  vi.doMock("../../../src/client/tabs/backend.ts", loads);
  const request = vi.fn<() => Promise<void>>(() => new Promise(() => {}));
  vi.stubGlobal("navigator", { locks: { request } });
  onTestFinished(() => void vi.unstubAllGlobals());
  const folder = mkdtempSync(join(tmpdir(), "tabs-"));
  const store = sqliteStore(join(folder, "queue.sqlite"));
  const options = { url: "ws://127.0.0.1:9", partition: "room", model: insieme, store, tabs: true };
  const client = createClient({ ...options, timing: { connectMs: 50 } } as never);
  void client.submit("set" as never, { target: "title", value: "mine" } as never);
  await expect.poll(() => client.status.reason, soon).not.toBe("new");
  expect(request).not.toHaveBeenCalled();
  await client.close();
  const next = createClient({ ...options, tabs: false } as never);
  await expect.poll(() => next.pending.length, soon).toBe(1);
  await next.close();
  rmSync(folder, { recursive: true });
}
