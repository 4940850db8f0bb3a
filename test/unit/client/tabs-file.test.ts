import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createClient } from "../../../src/client/index.ts";
import { sqliteStore } from "../../../src/client/stores/sqlite.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
// Here from the start: of the files that a client loads by itself, only that for tabs is to be late.
import "../../../src/client/stores/resilient.ts";

const file = "../../../src/client/tabs/backend.ts";
/** Another process may hold the machine for a while. */
const soon = { timeout: 4_000 };

afterEach(() => {
  vi.doUnmock(file);
  vi.unstubAllGlobals();
});

describe("the file of the code for tabs", () => {
  it.each([
    ["cannot be loaded", () => Promise.reject(new Error("offline"))],
    // Last: while one import of a mocked file is pending, the next one gets the file itself.
    ["never arrives", () => new Promise<never>(() => {})],
  ])("[CL-2] [CL-5] if it %s, the tab works alone: it stores drafts and connects", async (_, loads) => {
    vi.doMock(file, loads);
    const request = vi.fn<() => Promise<void>>(() => new Promise(() => {}));
    vi.stubGlobal("navigator", { locks: { request } });
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
  });
});
