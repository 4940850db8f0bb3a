import { describe, expect, it } from "vitest";
import { ask, fresh, type Message, Peer, seconds, sign } from "./wire.ts";

/** Connects to a project as a client of the package `insieme` does. Returns the answer, and its socket. */
async function connect(project: string, token: string, clientId: string): Promise<{ answer: Message; peer: Peer }> {
  const peer = Peer.of(await ask(`/insieme/${project}`, { headers: { upgrade: "websocket" } }));
  const payload = { token, clientId, projectId: project };
  peer.response.webSocket!.send(JSON.stringify({ type: "connect", protocolVersion: "1.0", msgId: "c1", payload }));
  await peer.until(() => peer.received.length > 0);
  return { answer: peer.received[0], peer };
}

describe("a client of Insieme, whose token names it in a claim of our choice (PARTITA_CLIENT_ID_CLAIM)", () => {
  it("[WP-13] [AU-1] is connected as the client that the claim names", async () => {
    const project = fresh();
    const { answer, peer } = await connect(project, await sign({ device: "phone" }), "phone");
    expect(answer).toMatchObject({ type: "connected", payload: { clientId: "phone", projectId: project } });
    peer.close();
  });

  it.each([
    ["another client", { device: "phone" }, "tablet"],
    ["no client", {}, "phone"],
    ["the client in the usual claim", { clientId: "phone" }, "phone"],
    ["a client that is no text", { device: 7 }, "7"],
  ])("[WP-13] [AU-1] is refused, and the connection ends, where its token names %s", async (_, claims, clientId) => {
    const { answer, peer } = await connect(fresh(), await sign(claims), clientId);
    expect(answer).toMatchObject({ type: "error", payload: { code: "auth_failed" } });
    expect(await peer.ending()).toBe(4401);
  });

  it("[WP-13] [AU-2] is refused with a token that has expired", async () => {
    const { answer } = await connect(fresh(), await sign({ device: "phone", exp: seconds() - 600 }), "phone");
    expect(answer).toMatchObject({ type: "error", payload: { code: "auth_failed" } });
  });
});
