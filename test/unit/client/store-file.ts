import { expect, vi } from "vitest";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import { defaultTiming } from "../../../src/client/transport/timing.ts";
import { accepted, FakeWorld, settle } from "./harness.ts";

/**
 * Expects of a client, whose code for stores that may fail loads as given, that it works without its store. Once in a
 * test file: what has opened a store needs that code itself, and the end of a mock takes effect later.
 */
export async function expectDraftsInMemory(loads: () => Promise<never>): Promise<void> {
  const opened = await memoryStore()("a");
  vi.doMock("../../../src/client/stores/resilient.ts", loads);
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
}
