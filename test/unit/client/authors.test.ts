import { expect, it } from "vitest";
import { board } from "../../support/board.ts";
import { event, FakeWorld, settle } from "./harness.ts";

it("[MD-13] authors are asked for, and the state has those of confirmed events", async () => {
  const other = "0".repeat(31) + "2";
  const state = { members: { [other]: { name: "M", role: "owner" } }, cards: {} };
  const world = new FakeWorld();
  const client = await world.online({ model: board }, { state });
  expect(world.socket.of("connect")[0]!.payload.authors).toBe(true);
  const numbered = event(1, "write", { id: "theirs", text: "x" });
  world.socket.say({ type: "broadcast", payload: { ...numbered, event: { ...numbered.event, author: other } } });
  await settle();
  expect((client.state as { cards: object }).cards).toEqual({ theirs: { text: "x", by: other } });
});
