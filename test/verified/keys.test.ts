import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { type Attachment, attachmentVersion } from "../../src/shell/connection.ts";
import earlier from "../fixtures/attachments/d6f69c9.json";
import { identitySettings } from "./settings.ts";
import { ask, bearer, fresh, Peer, sign } from "./wire.ts";

const objectOf = (room: string) => env.PARTITIONS.getByName(`default/${room}`);

/** Changes what is stored of the sockets of a partition, which then sleeps. */
async function changeAttachments(room: string, change: (attachment: Attachment) => object): Promise<void> {
  await runInDurableObject(objectOf(room), (_, state) => {
    for (const ws of state.getWebSockets()) {
      ws.serializeAttachment(change(ws.deserializeAttachment() as Attachment));
    }
  });
  await evictDurableObject(objectOf(room), { webSockets: "hibernate" });
}

const setSecret = (room: string, secret: string) =>
  runInDurableObject(objectOf(room), (object) => {
    (object as unknown as { env: Record<string, string> }).env["PARTITA_JWT_SECRET"] = secret;
  });

describe("keys that change", () => {
  it("[AU-1] [AU-4] end the open connections and streams of the old keys, where nothing resets the object", async () => {
    const room = fresh();
    const token = await sign();
    const quiet = await Peer.connected(room, token);
    const stream = await ask(`/v1/partitions/${room}/events/stream`, { headers: bearer(token) });
    const text = stream.text();
    await setSecret(room, "another secret of at least thirty-two bytes");
    // Any entry into the object shows the change.
    await objectOf(room).tenantChanged({ seq: 0, revocations: [], limits: {} });
    // The objects of a file share their settings.
    await setSecret(room, identitySettings.PARTITA_JWT_SECRET);
    expect(await quiet.ending()).toBe(4401);
    expect(quiet.received.at(-1)).toMatchObject({ type: "error", payload: { code: "auth_expired" } });
    expect(await text).toContain("auth_expired");
  });

  it("[AU-1] [AU-4] end the connections that hibernate meanwhile, when they wake", async () => {
    const room = fresh();
    const peer = await Peer.connected(room, await sign());
    await changeAttachments(room, (attachment) => {
      expect(attachment.session.author!.keys).toMatch(/^[0-9a-f]{16}$/);
      attachment.session.author!.keys = "0000000000000000";
      return attachment;
    });
    void peer.submit("d");
    expect(await peer.ending()).toBe(4401);
    expect(peer.received.at(-1)).toMatchObject({ type: "error", payload: { code: "auth_expired" } });
  });

  it("[AU-4] a renewal puts its own keys in force", async () => {
    const room = fresh();
    const peer = await Peer.connected(room, await sign(), { renewal: true });
    await runInDurableObject(objectOf(room), (_, state) => {
      // As an earlier version of the Worker has let it in.
      const [ws] = state.getWebSockets();
      const attachment = ws!.deserializeAttachment() as Attachment;
      delete attachment.session.author!.keys;
      ws!.serializeAttachment(attachment);
    });
    expect(await peer.ask("renew", { token: await sign() })).toMatchObject({ type: "renewed" });
    await runInDurableObject(objectOf(room), (_, state) => {
      const [ws] = state.getWebSockets();
      expect((ws!.deserializeAttachment() as Attachment).session.author!.keys).toMatch(/^[0-9a-f]{16}$/);
    });
    await evictDurableObject(objectOf(room), { webSockets: "hibernate" });
    expect((await peer.submit("d")).type).toBe("event_accepted");
  });
});

describe("a socket that another version has attached", () => {
  it("[LC-5] [LC-2] goes on where the version before has written it", async () => {
    const room = fresh();
    const peer = await Peer.connected(room, await sign());
    await changeAttachments(room, () => earlier);
    expect((await peer.submit("d1")).type).toBe("event_accepted");
    await evictDurableObject(objectOf(room), { webSockets: "hibernate" });
    expect((await peer.submit("d2")).type).toBe("event_accepted");
  });

  it("[LC-5] is asked to connect again where a later version has written it", async () => {
    const room = fresh();
    const peer = await Peer.connected(room, await sign());
    await changeAttachments(room, () => ({ version: attachmentVersion + 1, other: true }));
    void peer.submit("d");
    expect(await peer.ending()).toBe(1012);
  });

  it("[LC-5] [WP-13] is asked to connect again where it speaks what this Worker does not, as after a part was left out", async () => {
    const room = fresh();
    const peer = await Peer.connected(room, await sign());
    await changeAttachments(room, (attachment) => ({ ...attachment, dialect: "another" }));
    void peer.submit("d");
    expect(await peer.ending()).toBe(1012);
  });
});
