import { expect, it } from "vitest";
import type { Author } from "../../src/protocol/index.ts";
import { generousTenant, TestShell } from "../support/shell.ts";

const alice: Author = { principal: "alice", permissions: ["*"], expiresAt: 1_800_000_000_000 };
const context = { traceId: "0".repeat(32), reader: alice };

it("[BD-4] [LC-3] after reads of a partition that was never written nothing is stored, and nothing keeps the object in memory", async () => {
  const room = new TestShell({ tenant: generousTenant });
  for (const answer of [
    await room.shell.readState(undefined, context),
    await room.shell.readEvents(0, undefined, context),
    await room.shell.readUsage(context),
    await room.shell.ready(context),
  ]) {
    expect(answer.status).toBe(200);
  }
  const connection = await room.open(alice);
  connection.send("connect", { clientId: "c", version: "1", sinceEventId: 0 });
  connection.send("hash", {});
  connection.close();
  // The intake's window, which is open for one turn of the timers.
  room.elapse(1);
  expect(room.timers).toBe(0);
  expect(room.armedAt).toBeUndefined();
  expect(room.driver.query("SELECT name FROM sqlite_master")).toEqual([]);
});
