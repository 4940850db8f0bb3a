import type { Author } from "../../src/protocol/index.ts";
import { describe, expect, it } from "vitest";
import { newSession } from "../../src/core/index.ts";
import { TestPartition } from "../support/partition.ts";

const author: Author = { principal: "alice", permissions: "all", expiresAt: 1_800_000_000_000, tokenId: "old" };

describe("a token that is revoked while its frame waits for its window", () => {
  const after = (room: TestPartition, type: string, state: ReturnType<typeof newSession>, bearer: Author) => {
    const connection = room.attach(state);
    const payload = { clientId: "c", version: "1", token: "t" };
    const frame = room.codec.decode(JSON.stringify({ id: "m", type, timestamp: 1, payload }));
    if (frame.kind !== "token") throw new Error("no token");
    room.partition.receive(connection.session, frame.command(bearer), room.now);
    return connection;
  };

  it("[AU-4] does not authenticate its connection", () => {
    const room = new TestPartition();
    room.partition.revoke(({ tokenId }) => tokenId === "old", room.now);
    expect(after(room, "connect", newSession(undefined, true), author).of("error")).toMatchObject([
      { payload: { code: "auth_revoked" } },
    ]);
    const other = after(room, "connect", newSession(undefined, true), { ...author, tokenId: "new" });
    expect(other.received).toEqual(["connected"]);
  });

  it("[AU-4] renews nothing", () => {
    const room = new TestPartition();
    room.partition.revoke(({ tokenId }) => tokenId === "old", room.now);
    const connected = room.open({ ...author, tokenId: "new" });
    connected.connect("c");
    expect(after(room, "renew", connected.saved, author).of("error")).toMatchObject([
      { payload: { code: "auth_revoked" } },
    ]);
  });
});
