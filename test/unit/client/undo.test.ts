import { describe, expect, it } from "vitest";
import { accepted, broadcast, FakeWorld, rejected, settle } from "./harness.ts";

const doc = { docs: { tree: [], items: {} }, title: "A" };
const online = async () => {
  const world = new FakeWorld();
  const client = await world.online({}, { state: structuredClone(doc) });
  const sent = () => world.socket.of("submit_event");
  let head = 0;
  const accept = async (at: number) => {
    world.socket.say(accepted(sent()[at]!, ++head));
    await settle();
  };
  const happens = async (type: string, payload: object) => {
    world.socket.say(broadcast(++head, type, payload as never));
    await settle();
  };
  return { world, client, sent, accept, happens };
};

describe("undo", () => {
  it("[CL-11] undoes what is as one left it, and redoes it", async () => {
    const { client, sent, accept } = await online();
    void client.submit("set", { target: "title", value: "B" });
    await accept(0);
    const undone = client.undo();
    expect(client.state).toMatchObject({ title: "A" });
    await settle();
    expect(sent()[1]!.payload).toMatchObject({ expectedEventId: 1 });
    await accept(1);
    expect(await undone).toMatchObject({ status: "accepted", skipped: [] });
    expect([client.canUndo, client.canRedo]).toEqual([false, true]);
    void client.redo();
    expect(client.state).toMatchObject({ title: "B" });
  });

  it("[CL-11] a title that another user has changed since stays theirs", async () => {
    const { client, accept, happens, sent } = await online();
    void client.submit("set", { target: "title", value: "B" });
    await accept(0);
    await happens("set", { target: "title", value: "C" });
    const draft = { type: "set", payload: { target: "title", value: "A", options: { replace: true } } };
    expect(await client.undo()).toMatchObject({ status: "nothing", skipped: [{ draft, why: "changed" }] });
    expect(client.state).toMatchObject({ title: "C" });
    expect(sent()).toHaveLength(1);
  });

  it("[CL-11] a folder that others have filled is not deleted with what they put in", async () => {
    const { client, accept, happens } = await online();
    void client.submit("treePush", { target: "docs", value: { id: "box" } });
    await accept(0);
    await happens("treePush", { target: "docs", value: { id: "theirs" }, options: { parent: "box" } });
    expect(await client.undo()).toMatchObject({ status: "nothing", skipped: [{ why: "changed" }] });
    expect(client.state).toMatchObject({ docs: { items: { box: {}, theirs: {} } } });
  });

  it("[CL-11] what was not sent is withdrawn, and what is rejected undoes to nothing", async () => {
    const { world, client, sent } = await online();
    void client.submit("set", { target: "title", value: "B" });
    const waiting = client.undo();
    expect(client.state).toMatchObject({ title: "A" });
    expect(client.pending).toMatchObject([{ undoing: true }]);
    world.socket.say(rejected(sent()[0]!));
    expect(await waiting).toMatchObject({ status: "nothing", verdicts: [] });
    client.pause();
    await settle();
    const verdict = client.submit("set", { target: "title", value: "B" });
    expect(await client.undo()).toMatchObject({ status: "withdrawn", verdicts: [] });
    expect(await verdict).toEqual({ status: "withdrawn" });
    expect(sent()).toHaveLength(1);
    expect([client.canUndo, client.canRedo]).toEqual([false, true]);
    void client.redo();
    expect(client.state).toMatchObject({ title: "B" });
  });

  it("[CL-11] typing is one step, and a group with its label; their undo is one draft where one is enough", async () => {
    const { world, client, accept, sent } = await online();
    for (const value of ["h", "hi", "hi!"]) void client.submit("set", { target: "title", value });
    await world.pass(100);
    for (const at of [0, 1, 2]) await accept(at);
    void client.undo();
    await settle();
    expect(client.state).toMatchObject({ title: "A" });
    expect(sent()[3]!.payload.event.payload).toEqual({ target: "title", value: "A", options: { replace: true } });
    client.group("two nodes", () => {
      void client.submit("treePush", { target: "docs", value: { id: "a" } });
      void client.submit("treePush", { target: "docs", value: { id: "b" } });
    });
    expect(client.undoLabel).toBe("two nodes");
    await world.pass(100);
    for (const at of [3, 4, 5]) await accept(at);
    void client.undo();
    expect(client.state).toMatchObject({ docs: { items: {}, tree: [] } });
    expect([client.undoLabel, client.redoLabel]).toEqual([undefined, "two nodes"]);
  });

  it("[CL-11] a step of any size is undone, in batches that are announced", async () => {
    const { client, accept } = await online();
    const value = Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`k${at}`, at]));
    void client.submit("set", { target: "docs", value });
    await accept(0);
    const reports: object[] = [];
    client.on("undo", (report) => reports.push(report));
    void client.undo();
    expect(reports).toEqual([{ what: "undo", label: undefined, drafts: 600, entries: 3, skipped: 0 }]);
    expect(client.state).toEqual(doc);
  });

  it("[CL-11] [CL-14] an undo in conflict with an event that the view will not show resolves as rejected", async () => {
    const { world, client, sent, accept, happens } = await online();
    void client.submit("set", { target: "title", value: "B" });
    await accept(0);
    await happens("of a newer model", {});
    expect(client.status.waiting).toBe("reload");
    const undone = client.undo();
    await settle();
    const more = { conflictingEventIds: [2] };
    const conflict = rejected(sent()[1]!, "conflict");
    world.socket.say({ ...conflict, payload: { ...conflict.payload, ...more } });
    await settle();
    const late = Promise.resolve("late");
    expect(await Promise.race([undone, late.then(settle).then(() => "late")])).toMatchObject({ status: "rejected" });
    expect(sent()).toHaveLength(2);
    await client.close();
  });

  it("[CL-11] a change ends the redo of an undo that waited for another one", async () => {
    const { client, accept } = await online();
    void client.submit("treePush", { target: "docs", value: { id: "a" } });
    await accept(0);
    void client.submit("set", { target: "title", value: "B" });
    await accept(1);
    const undone = [client.undo(), client.undo()];
    void client.submit("set", { target: "other", value: "C" });
    await settle();
    for (const at of [2, 3, 4]) await accept(at);
    await Promise.all(undone);
    expect(client.canRedo).toBe(false);
    await client.close();
  });

  it("[CL-11] a change after one that was rejected does not belong to the step before that", async () => {
    const { world, client, sent, accept } = await online();
    void client.submit("set", { target: "title", value: "B" });
    await accept(0);
    void client.submit("set", { target: "other", value: "C" });
    await settle();
    world.socket.say(rejected(sent()[1]!));
    await settle();
    // At once, and to the same place as what was rejected.
    void client.submit("set", { target: "other", value: "D" });
    await accept(2);
    void client.undo();
    expect(client.state).toMatchObject({ title: "B" });
    expect(client.state).not.toHaveProperty("other");
    expect(client.canUndo).toBe(true);
  });

  it("[CL-11] takes nothing back that a restored log may not have", async () => {
    const { world, client, accept } = await online();
    void client.submit("set", { target: "title", value: "B" });
    await accept(0);
    void client.submit("set", { target: "other", value: "C" });
    world.socket.end();
    await world.pass(60_000);
    world.socket.accept({ serverId: "log-2" });
    await settle();
    world.socket.accept({ serverId: "log-2", state: { ...doc, title: "restored" } });
    await settle();
    expect(client.status.status).toBe("online");
    // The draft that is undecided is there still.
    expect(client.canUndo).toBe(true);
    void client.undo();
    expect([client.canUndo, client.state]).toMatchObject([false, { title: "restored" }]);
  });

  it("[CL-11] [CL-9] an undo that ends after its client leaves nothing to redo", async () => {
    const { client } = await online();
    client.pause();
    void client.submit("set", { target: "title", value: "B" });
    await client.undo();
    const results = [client.redo(), client.undo()];
    await client.close();
    await Promise.all(results);
    expect([client.canUndo, client.canRedo]).toEqual([false, false]);
  });

  it("[CL-11] after sign-out there is nothing to undo", async () => {
    const { client, accept } = await online();
    void client.submit("set", { target: "title", value: "B" });
    await accept(0);
    expect(client.canUndo).toBe(true);
    await client.signOut();
    expect([client.canUndo, client.canRedo]).toEqual([false, false]);
  });
});
