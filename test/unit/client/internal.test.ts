import { expect, it } from "vitest";
import * as z from "zod/mini";
import { defineModel } from "../../../src/model/index.ts";
import { broadcast, FakeWorld } from "./harness.ts";

const seats = defineModel({
  name: "seats",
  version: 1,
  initialState: () => ({ free: 0 }),
  events: {
    expire: {
      payload: z.strictObject({}),
      internal: true,
      reduce(state) {
        state.free = 1;
      },
    },
  },
});

it("[MD-17] [CL-4] an internal event is folded by a client, which cannot submit one", async () => {
  const world = new FakeWorld();
  const client = await world.online({ model: seats });
  expect(await client.submit("expire", {})).toMatchObject({ status: "rejected", problem: { code: "forbidden" } });
  expect(world.socket.of("submit_event")).toEqual([]);
  world.socket.say(broadcast(1, "expire", {}));
  await world.pass(1_000);
  expect(client.state).toEqual({ free: 1 });
  await client.close();
});
