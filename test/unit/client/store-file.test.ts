import { afterEach, describe, expect, it, vi } from "vitest";
import { openStore } from "../../../src/client/api/open-store.ts";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import { defaultTiming } from "../../../src/client/transport/timing.ts";
import { platformPorts } from "../../../src/client/transport/platform.ts";

const file = "../../../src/client/stores/resilient.ts";

afterEach(() => {
  vi.doUnmock(file);
});

describe("the file of the code for stores that may fail", () => {
  it.each([
    ["cannot be loaded", () => Promise.reject(new Error("offline"))],
    // Last: while one import of a mocked file is pending, the next one gets the file itself.
    ["never arrives", () => new Promise<never>(() => {})],
  ])("[CL-2] [CL-13] if it %s, drafts are kept in memory, and the reason is reported", async (_, loads) => {
    const opened = await memoryStore()("a");
    vi.doMock(file, loads);
    const reasons: string[] = [];
    const close = vi.spyOn(opened, "close");
    const store = await openStore(async () => opened, "a", {
      ports: platformPorts,
      timing: { ...defaultTiming, connectMs: 20 },
      changed: (reason) => reasons.push(String(reason)),
      late: () => {},
    });
    expect(reasons).toEqual(["unavailable"]);
    expect(close).toHaveBeenCalledOnce();
    await store.append({ key: "one", mode: "single", drafts: [], queuedAt: 1 });
    expect((await store.load()).entries.map(({ key }) => key)).toEqual(["one"]);
  });
});
