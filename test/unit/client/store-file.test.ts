import { afterEach, describe, expect, it, vi } from "vitest";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import { defaultTiming } from "../../../src/client/transport/timing.ts";
import { accepted, FakeWorld, settle } from "./harness.ts";

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
    const close = vi.spyOn(opened, "close");
    const world = new FakeWorld();
    const client = world.client({ store: async () => opened });
    const reasons: string[] = [];
    client.on("degraded", ({ reason }) => reasons.push(reason));
    const verdict = client.submit("set", { target: "title", value: "1" });
    await world.pass(defaultTiming.connectMs);
    expect(reasons).toEqual(["unavailable"]);
    expect(close).toHaveBeenCalledOnce();
    // Kept over a lost connection, and sent in the next one.
    world.socket.accept();
    await settle();
    world.socket.end();
    await world.pass(60_000);
    world.socket.accept();
    await settle();
    const [sent] = world.socket.of("submit_event");
    world.socket.say(accepted(sent!, 1));
    expect([(await verdict).status, client.state, client.pending]).toEqual(["accepted", { title: "1" }, []]);
  });
});
