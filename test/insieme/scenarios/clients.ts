// What published clients do while all is well.
import { Device, note } from "../device.ts";
import { fresh, type Lab, type Message, same, until } from "../lab.ts";
import { Raw } from "../raw.ts";

/** More than three pages of a client, which asks for 500. */
const longLog = 1_600;
/** Events of one message. */
const batch = 100;
/** Events that each of two clients submits at the same time. */
const concurrent = 25;
/** More than a client submits in one message. */
const drained = 120;

/** Puts `count` events into a project, from `from` on. */
async function fill(raw: Raw, count: number, from = 0): Promise<void> {
  for (let at = from; at < from + count; at += batch) {
    const events = Array.from({ length: Math.min(batch, from + count - at) }, (_, offset) =>
      raw.event(`${raw.projectId}-${at + offset}`),
    );
    const results = await raw.submit(...events);
    const refused = results.find(({ status }) => status !== "committed");
    if (refused) throw new Error(JSON.stringify(refused));
  }
}

const idsOf = (events: readonly { id: string }[]) => events.map(({ id }) => id);
const numbersTo = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

export const clientScenarios = {
  async "handshake and empty sync"(lab: Lab) {
    const projectId = fresh("project");
    const device = await Device.synced({ lab, projectId });
    same(device.payloads("connected"), [{ clientId: device.clientId, projectId, projectLastCommittedId: 0 }]);
    const page = { projectId, events: [], nextSinceCommittedId: 0, hasMore: false, syncToCommittedId: 0 };
    same(device.payloads("sync_page"), [page]);
    same(device.payloads("synced"), [{ cursor: 0 }]);
    same(device.count("error"), 0, "number of errors");
    await device.close();
  },

  async "commit and broadcast"(lab: Lab) {
    const projectId = fresh("project");
    const [writer, reader] = [await Device.synced({ lab, projectId }), await Device.synced({ lab, projectId })];
    const id = await writer.submit({ ...note("notes", "a", 1), clientTs: 1_234 });
    const { serverTs, ...result } = await writer.hears("committed");
    same(result, { id, status: "committed", committedId: 1 });
    same(Number.isInteger(serverTs), true, "time is whole");
    const broadcast = await reader.hears("broadcast");
    const { partition, type, schemaVersion, payload, committedId } = broadcast;
    same(
      { id: broadcast.id, projectId: broadcast.projectId, partition, type, schemaVersion, payload, committedId },
      { id, projectId, ...note("notes", "a", 1), committedId: 1 },
    );
    same([broadcast.serverTs, broadcast.meta.clientTs], [serverTs, 1_234]);
    // The next event shows that its own was not broadcast to it.
    await reader.submit(note("notes", "b", 2));
    await Promise.all([writer.hears("broadcast"), reader.hears("committed")]);
    same(idsOf(writer.payloads("broadcast")), idsOf(reader.payloads("committed")));
    for (const device of [writer, reader]) {
      same(idsOf(await device.committed(2)), [id, reader.payloads("committed")[0].id]);
      same(await device.view("notes"), { a: 1, b: 2 });
      await device.close();
    }
  },

  async "rejection: the later drafts of its message are not processed, and follow by themselves"(lab: Lab) {
    const projectId = fresh("project");
    const device = await Device.synced({ lab, projectId });
    const reader = await Device.synced({ lab, projectId });
    // Their store in memory sorts the drafts of one call by their ids.
    const ids = await device.client.submitEvents(
      ["good", "", "late"].map((key) => Object.assign(note("notes", key, 1), { id: fresh("draft") })),
    );
    const committed = await device.committed(2);
    same(idsOf(committed), [ids[0], ids[2]]);
    const { errors, created, ...rejected } = await device.hears("rejected");
    same(rejected, { id: ids[1], status: "rejected", reason: "validation_failed" });
    same([errors.length > 0, typeof errors[0].message, typeof created], [true, "string", "number"]);
    const { created: at, ...left } = await device.hears("not_processed");
    same(left, { id: ids[2], status: "not_processed", reason: "prior_item_failed", blockedById: ids[1] });
    same(typeof at, "number");
    same(idsOf(await reader.committed(2)), [ids[0], ids[2]]);
    await Promise.all([device.close(), reader.close()]);
  },

  async "several labels: one order, and a view of each"(lab: Lab) {
    const projectId = fresh("project");
    const [one, two] = [await Device.synced({ lab, projectId }), await Device.synced({ lab, projectId })];
    const labels = ["notes", "comments", "room:7/α β"];
    for (const [at, label] of labels.entries()) await one.submit(note(label, "from", at));
    await one.committed(labels.length);
    for (const device of [one, two]) {
      const events = await device.committed(labels.length);
      same(
        events.map(({ committedId, partition }) => [committedId, partition]),
        labels.map((label, at) => [at + 1, label]),
      );
      for (const [at, label] of labels.entries()) same(await device.view(label), { from: at });
      await device.close();
    }
  },

  async "paged catch-up while others write: nothing is missed, and nothing comes twice"(lab: Lab) {
    const projectId = fresh("project");
    const writer = await Raw.connected(lab, projectId, fresh("writer"));
    await fill(writer, longLog);
    let during = 0;
    let writing: Promise<void> = Promise.resolve();
    const reader = await Device.start({
      lab,
      projectId,
      // Before it has the next page something is committed, each time.
      prepare: ({ tap, heard }) => {
        tap.holds = ({ type }) => {
          if (type !== "sync_response" || heard.some((event) => event.type === "synced")) return false;
          writing = writing.then(() => fill(writer, 3, longLog + 3 * during++)).then(() => tap.deliverOne());
          return true;
        };
      },
    });
    await reader.hears("synced");
    await writing;
    same(during >= 4, true, "cycle has more than three pages");
    const head = longLog + 3 * during;
    if (lab.server.leavesGap) await reader.client.syncNow();
    const events = await reader.committed(head);
    same(
      events.map(({ committedId }) => committedId),
      numbersTo(head),
    );
    same(idsOf(events), idsOf(numbersTo(head).map((number) => ({ id: `${projectId}-${number - 1}` }))));
    writer.close();
    await reader.close();
  },

  async "local validation: what it refuses is neither kept nor sent"(lab: Lab) {
    const projectId = fresh("project");
    const device = await Device.synced({
      lab,
      projectId,
      validateLocalEvent: ({ payload }: Message) => {
        if (payload.key === "") throw new Error("a key is missing");
      },
    });
    let refusal = "";
    await device.submit(note("notes", "", 1)).catch((error: Error) => (refusal = error.message));
    same(refusal, "a key is missing");
    same(await device.drafts(), []);
    await device.submit(note("notes", "a", 1));
    same(
      (await device.committed(1)).map(({ payload }) => payload["key"]),
      ["a"],
    );
    await device.close();
  },

  async "concurrent drafts: all clients have one log"(lab: Lab) {
    const projectId = fresh("project");
    const devices = [await Device.synced({ lab, projectId }), await Device.synced({ lab, projectId })];
    const submitted = devices.map(async (device) => {
      const ids: string[] = [];
      for (let at = 0; at < concurrent; at++)
        ids.push(await device.submit(note("notes", `${device.clientId}.${at}`, at)));
      return ids;
    });
    const own = await Promise.all(submitted);
    const [first, second] = await Promise.all(devices.map((device) => device.committed(2 * concurrent)));
    same(idsOf(first!), idsOf(second!));
    same(
      first!.map(({ committedId }) => committedId),
      numbersTo(2 * concurrent),
    );
    // Each client's drafts are in its order.
    for (const ids of own) same(idsOf(first!.filter(({ id }) => ids.includes(id))), ids);
    await Promise.all(devices.map((device) => device.close()));
  },

  async "a label that is added in mid-session"(lab: Lab) {
    const projectId = fresh("project");
    const [one, two] = [await Device.synced({ lab, projectId }), await Device.synced({ lab, projectId })];
    await one.submit(note("notes", "a", 1));
    await two.committed(1);
    same(await two.view("later"), {});
    await one.submit(note("later", "b", 2));
    await two.committed(2);
    same([await two.view("notes"), await two.view("later")], [{ a: 1 }, { b: 2 }]);
    await Promise.all([one.close(), two.close()]);
  },

  async "the last write wins, everywhere"(lab: Lab) {
    const projectId = fresh("project");
    const devices = [await Device.synced({ lab, projectId }), await Device.synced({ lab, projectId })];
    await Promise.all(devices.map((device) => device.submit(note("notes", "title", device.clientId))));
    const logs = await Promise.all(devices.map((device) => device.committed(2)));
    const winner = logs[0]!.at(-1)!.payload["value"]!;
    for (const device of devices) same(await device.view("notes"), { title: winner });
    await Promise.all(devices.map((device) => device.close()));
  },

  async "views are evicted, invalidated and of a new version: the log makes them again"(lab: Lab) {
    const projectId = fresh("project");
    const device = await Device.synced({ lab, projectId });
    for (const [at, key] of ["a", "b", "c"].entries()) await device.submit(note("notes", key, at));
    await device.committed(3);
    const made = { a: 0, b: 1, c: 2 };
    const view = { viewName: "notes", partition: "notes" };
    same(await device.view("notes"), made);
    await device.store.evictMaterializedView(view);
    same(await device.view("notes"), made);
    await device.store.invalidateMaterializedView(view);
    same(await device.view("notes"), made);
    const { disk, clientId } = device;
    await device.tap.die();
    const again = await Device.synced({ lab, projectId, disk, clientId, version: "2" });
    same(await again.view("notes"), made);
    await again.close();
  },

  async "a batch after being offline arrives in its order"(lab: Lab) {
    const projectId = fresh("project");
    const device = await Device.synced({ lab, projectId, offline: true });
    const ids: string[] = [];
    for (let at = 0; at < drained; at++) ids.push(await device.submit(note("notes", `n${at}`, at)));
    same((await device.drafts()).length, drained, "number of drafts");
    await device.offline!.setOnlineTransport(device.tap);
    same(idsOf(await device.committed(drained)), ids);
    const reader = await Device.synced({ lab, projectId });
    same(idsOf(await reader.committed(drained)), ids);
    // Offline once more, and back.
    await device.offline!.setOffline();
    await until(() => !device.offline!.getState().online);
    await Promise.all([device.close(), reader.close()]);
  },
};
