import { describe, expect, it } from "vitest";
import { courierBounds } from "../../../src/courier/bounds.ts";
import { HandOver } from "../../../src/courier/hand-over.ts";
import type { CourierRow, EndpointRoute } from "../../../src/platform/courier-api.ts";

const start = 1_700_000_000_000;
const row: CourierRow = { effectId: "aa:1:0", type: "paid", payload: "{}", timestamp: 0, partition: "room" };

/** A partition that hands over, a tenant and couriers. */
class World {
  now = start;
  asked = 0;
  full: string | undefined;
  routes: EndpointRoute[] = [{ id: "a" }, { id: "b", types: ["sent"] }];
  readonly accepted: string[] = [];
  readonly unwanted: string[] = [];
  readonly #handOver = new HandOver({
    routes: async () => {
      this.asked++;
      return this.routes;
    },
    accept: async (id) => {
      if (id === this.full) throw new Error("the courier is full");
      this.accepted.push(id);
    },
    unwanted: (type) => this.unwanted.push(type),
    now: () => this.now,
  });

  send(behind: string[] = [], type = row.type): Promise<string[][]> {
    return this.#handOver.sendToAll([{ ...row, type }], new Set(behind));
  }

  sendTo(endpoint: string): Promise<void> {
    return this.#handOver.sendTo(endpoint, [row]);
  }
}

describe("a partition that hands over", () => {
  it("[LC-10] asks its tenant for the routes once in a few seconds, not for each batch", async () => {
    const world = new World();
    for (let at = 0; at < 20; at++) await world.send();
    expect([world.asked, world.accepted]).toEqual([1, Array.from({ length: 20 }, () => "a")]);
    world.routes = [{ id: "c" }];
    world.now += courierBounds.routesMs;
    await world.send();
    expect([world.asked, world.accepted.at(-1)]).toEqual([2, "c"]);
    // A clock that was set back does not prolong it.
    world.now = start;
    await world.send();
    expect(world.asked).toBe(3);
  });

  it("[OB-1] [TX-12] reports a type that no endpoint takes, once, and a bounded number of them", async () => {
    const world = new World();
    await world.send();
    expect(world.unwanted).toEqual([]);
    world.routes = [{ id: "b", types: ["sent"] }];
    world.now += courierBounds.routesMs;
    for (let at = 0; at < 3; at++) expect(await world.send()).toEqual([[]]);
    expect(world.unwanted).toEqual(["paid"]);
    for (let at = 0; at < 2 * courierBounds.unwantedTypesMax; at++) await world.send([], `type-${at}`);
    expect(world.unwanted).toHaveLength(courierBounds.unwantedTypesMax);
  });

  it("[LC-10] asks again after a failure: the endpoint may be disabled now", async () => {
    const world = new World();
    world.routes = [{ id: "a" }];
    world.full = "a";
    await expect(world.send()).rejects.toThrow("full");
    world.routes = [{ id: "c" }];
    await world.send();
    expect([world.asked, world.accepted]).toEqual([2, ["c"]]);
  });

  it("[TX-13] [LC-10] says which of several endpoints do not have a row, and gives none to those that are behind", async () => {
    const world = new World();
    world.routes = [{ id: "a" }, { id: "b" }, { id: "c", types: ["sent"] }, { id: "d" }];
    world.full = "b";
    expect(await world.send(["d"])).toEqual([["b", "d"]]);
    expect([world.asked, world.accepted]).toEqual([1, ["a"]]);
    expect(await world.send()).toEqual([["b"]]);
    expect(world.asked).toBe(2);
    await expect(world.sendTo("b")).rejects.toThrow("full");
    for (const id of ["c", "removed"]) await world.sendTo(id);
    await world.sendTo("d");
    expect(world.accepted).toEqual(["a", "a", "d", "d"]);
  });
});
