// What published clients do when something goes wrong.
import { Device, note } from "../device.ts";
import { fresh, type Lab, type Message, same, until } from "../lab.ts";
import { Raw } from "../raw.ts";

/** How long a token of these scenarios is good, in milliseconds: enough to connect with it. */
const shortMs = 2_000;

const idsOf = (events: readonly { id: string }[]) => events.map(({ id }) => id);

export const faultScenarios = {
  async "commits that arrive out of order"(lab: Lab) {
    const projectId = fresh("project");
    const [device, other] = [await Device.synced({ lab, projectId }), await Device.synced({ lab, projectId })];
    device.tap.holds = ({ type }: Message) => type === "submit_events_result";
    const first = await device.submit(note("notes", "title", "own"));
    await until(() => device.tap.held.length === 1);
    const second = await other.submit(note("notes", "title", "of another"));
    await device.hears("broadcast");
    same(idsOf(await device.store.listCommitted()), [second]);
    device.tap.release();
    same(idsOf(await device.committed(2)), [first, second]);
    same(
      (await device.store.listCommitted()).map(({ committedId }) => committedId),
      [1, 2],
    );
    await Promise.all([device.close(), other.close()]);
  },

  async "retry while pending: each draft is committed once"(lab: Lab) {
    const projectId = fresh("project");
    const device = await Device.synced({ lab, projectId });
    const reader = await Device.synced({ lab, projectId });
    device.tap.holds = ({ type }: Message) => type === "submit_events_result";
    const id = await device.submit(note("notes", "a", 1));
    await until(() => device.tap.held.length === 1);
    // It does not know what became of its draft, connects again, and sends it again.
    await device.client.stop();
    device.tap.holds = () => false;
    await device.client.start();
    same(idsOf(await device.committed(1)), [id]);
    const next = await device.submit(note("notes", "b", 2));
    same(idsOf(await reader.committed(2)), [id, next]);
    same(idsOf(await device.committed(2)), [id, next]);
    await Promise.all([device.close(), reader.close()]);
  },

  async "a draft that is sent twice at once, by one client and by another, is one event"(lab: Lab) {
    const projectId = fresh("project");
    const [one, two] = [
      await Raw.connected(lab, projectId, fresh("client")),
      await Raw.connected(lab, projectId, fresh("client")),
    ];
    const id = fresh("draft");
    const [first, again, others] = await Promise.all([
      one.submit(one.event(id)),
      one.submit(one.event(id)),
      two.submit(two.event(id)),
    ]);
    same(first, [{ id, status: "committed", committedId: 1, serverTs: first![0].serverTs }]);
    same([again, others], [first, first]);
    const { events } = await one.page(0);
    same(idsOf(events), [id]);
    one.close();
    two.close();
  },

  async "a crash of the client between sending and the answer: it has each draft once, in its order"(lab: Lab) {
    const projectId = fresh("project");
    const device = await Device.synced({ lab, projectId });
    const { disk, clientId } = device;
    device.tap.holds = ({ type }: Message) => type === "submit_events_result";
    const ids = [await device.submit(note("notes", "a", 1))];
    await until(() => device.tap.held.length === 1);
    // These are stored, and were never sent.
    for (const key of ["b", "c"]) ids.push(await device.submit(note("notes", key, 1)));
    await device.tap.die();
    const again = await Device.synced({ lab, projectId, disk, clientId });
    same(idsOf(await again.committed(3)), ids);
    const reader = await Device.synced({ lab, projectId });
    same(idsOf(await reader.committed(3)), ids);
    same(await again.view("notes"), { a: 1, b: 1, c: 1 });
    await Promise.all([again.close(), reader.close()]);
  },

  async "another version of the protocol is refused, and the client stops"(lab: Lab) {
    const projectId = fresh("project");
    const device = await Device.start({
      lab,
      projectId,
      prepare: ({ tap }) => (tap.change = (message: Message) => ({ ...message, protocolVersion: "2.0" })),
    });
    const { code } = await device.hears("error");
    same(code, "protocolVersion_unsupported");
    same([device.client.getStatus().connected, device.count("connected")], [false, 0]);
    await device.close();
  },

  async "the token expires in mid-session: the draft stays, and goes with the next token"(lab: Lab) {
    const projectId = fresh("project");
    const clientId = fresh("client");
    const expiresAt = Date.now() + shortMs;
    const token = await lab.server.token({ clientId, projectId, expiresAt });
    const device = await Device.synced({ lab, projectId, clientId, token });
    // A server may say so by itself, or when it is asked for something.
    await until(() => Date.now() > expiresAt);
    const id = fresh("draft");
    await device.submit({ ...note("notes", "a", 1), id }).catch(() => {});
    same((await device.hears("error")).code, "auth_failed");
    await until(() => !device.client.getStatus().connected);
    same([await device.drafts(), (await device.store.listCommitted()).length], [[id], 0]);
    await device.tap.die();
    const again = await Device.synced({ lab, projectId, clientId, disk: device.disk });
    same(idsOf(await again.committed(1)), [id]);
    await again.close();
  },

  async "an expired token, and one of another client or project, do not connect"(lab: Lab) {
    const projectId = fresh("project");
    const clientId = fresh("client");
    const grants = [
      { grant: { clientId, projectId, expiresAt: Date.now() - 3_600_000 }, code: "auth_failed" },
      { grant: { clientId: fresh("client"), projectId }, code: "auth_failed" },
      { grant: { clientId, projectId: fresh("project") }, code: "forbidden" },
    ];
    for (const { grant, code } of grants) {
      const device = await Device.start({ lab, projectId, clientId, token: await lab.server.token(grant) });
      same((await device.hears("error")).code, code);
      same([device.client.getStatus().connected, device.count("connected")], [false, 0]);
      await device.close();
    }
  },
};
