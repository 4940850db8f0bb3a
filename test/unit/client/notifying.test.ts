import { describe, expect, it } from "vitest";
import { broadcast, FakeWorld, rejected, settle } from "./harness.ts";

/** With more than 256 pending drafts, changes are reported together after 50 ms. */
const many = 300;

/** A client with that many pending drafts, one of which changes a node of a tree; all listeners were called. */
async function busy() {
  const world = new FakeWorld();
  const state = { docs: { tree: [{ id: "n", children: [] }], items: { n: {} } } };
  const client = await world.online({}, { head: 1, state });
  void client.submit("treeUpdate", { target: "docs", value: { a: 1 }, options: { id: "n" } });
  for (let at = 0; at < many; at++) void client.submit("set", { target: `many.n${at}`, value: at });
  await world.pass(100);
  let notified = 0;
  const fallen: string[] = [];
  client.subscribe(() => notified++);
  client.on("fallen", ({ entries }) => fallen.push(...entries.map(({ failure }) => failure.code)));
  const socket = world.socket;
  const deleteNode = () => socket.say(broadcast(2, "treeDelete", { target: "docs", options: { id: "n" } }));
  return { world, client, socket, deleteNode, fallen, notified: () => notified };
}

describe("when changes are reported", () => {
  it("[CL-1] with many pending drafts they are reported together, unless a reader has the new state: then all at once", async () => {
    const { world, client, deleteNode, notified } = await busy();
    deleteNode();
    await settle();
    expect(notified()).toBe(0);
    await world.pass(50);
    expect(notified()).toBe(1);

    world.socket.say(broadcast(3, "set", { target: "title", value: "x" }));
    expect(client.state["title"]).toBe("x");
    expect(notified()).toBe(1);
    await settle();
    expect(notified()).toBe(2);
    await world.pass(50);
    expect(notified()).toBe(2);
  });

  it("[CL-1] reports fallen drafts with the change, and not while the state is read", async () => {
    const { client, deleteNode, fallen } = await busy();
    deleteNode();
    expect(client.state).toMatchObject({ docs: { tree: [] } });
    expect(client.pending[0]!.failure?.code).toBe("validation_failed");
    expect(fallen).toEqual([]);
    await settle();
    expect(fallen).toEqual(["validation_failed"]);
  });

  it("[CL-1] does not report a draft as fallen that is decided meanwhile", async () => {
    const { world, client, socket, deleteNode, fallen } = await busy();
    deleteNode();
    expect(client.state).toMatchObject({ docs: { tree: [] } });
    socket.say(rejected(socket.of("submit_event")[0]!));
    await world.pass(50);
    expect(client.pending).toHaveLength(many);
    expect(fallen).toEqual([]);
  });
});
