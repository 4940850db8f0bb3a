import type { Effects } from "../../src/model/effects.ts";
import { type AnyModel, defineModel } from "../../src/model/index.ts";
import { inventoryEffects } from "../../src/models/inventory/effects.ts";
import { inventory } from "../../src/models/inventory/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import type { Json, JsonObject } from "../../src/protocol/index.ts";
import { counter } from "../workerd/models.ts";
import type { Random } from "./random.ts";
import { counterEffects } from "./timers.ts";
import type { Member } from "./wire.ts";

/** The event of a draft, valid or not. */
export interface Proposal {
  event: JsonObject & { type: string };
  expectedEventId?: Json;
}

/** A model, and drafts for it: with few different names, so that drafts conflict. */
export interface Application {
  readonly name: string;
  readonly model: AnyModel;
  readonly effects?: Effects;
  propose(random: Random, cursor: number): Proposal;
  /** A draft that every state accepts: to make a log long. */
  proposeAccepted(random: Random): Proposal;
}

const letters = ["a", "b", "c", "d", "e", "f", "g", "h"];
const texts = ["", "x", "ü✓𝄞", "when", "long ".repeat(30), '"quoted"\\'];

/** An event id near the client's cursor: mostly that, sometimes stale, or ahead of the log. */
function expectation(random: Random, cursor: number): number {
  if (random.chance(0.1)) return cursor + random.between(1, 5);
  return random.chance(0.7) ? cursor : random.between(0, cursor);
}

/** An event that no model has or accepts. */
function invalidEvent(random: Random): JsonObject & { type: string } {
  return random.pick<JsonObject & { type: string }>([
    { type: "unheard-of", payload: {} },
    { type: "set", payload: {}, version: 99 },
    { type: "add", payload: { by: "many" } },
    { type: "add", payload: { by: 1 }, partition: "elsewhere" },
    { type: "set", payload: { target: "a", value: 1 }, partition: "elsewhere" },
    { type: "set", payload: { target: "a", value: 1 }, surplus: true },
    { type: "set" },
  ]);
}

function proposeTree(random: Random): JsonObject & { type: string } {
  const target = random.pick(["tree", "doc.tree"]);
  const id = random.pick(letters);
  const sibling = random.pick(letters);
  const position = random.pick<Json>(["first", "last", { after: sibling }, { before: sibling }]);
  const parent = random.pick(["_root", random.pick(letters)]);
  const value = { text: random.pick(texts), n: random.between(0, 9) };
  const options = { parent, position };
  const weights = { treePush: 6, treeUpdate: 3, treeMove: 4, treeDelete: 1, plant: 1, set: 3, unset: 1, init: 0.3 };
  switch (random.weighted(weights)) {
    case "plant":
      return { type: "set", payload: { target, value: {}, ...(random.chance(0.1) && { options: { replace: true } }) } };
    case "treePush":
      return { type: "treePush", payload: { target, value: { ...value, id }, options } };
    case "treeUpdate":
      return { type: "treeUpdate", payload: { target, value, options: { id, replace: random.chance(0.3) } } };
    case "treeMove":
      return { type: "treeMove", payload: { target, options: { ...options, id } } };
    case "treeDelete":
      return { type: "treeDelete", payload: { target, options: { id } } };
    case "set":
      return { type: "set", payload: { target: `doc.${random.pick(letters)}`, value: random.pick<Json>([1, value]) } };
    case "unset":
      return { type: "unset", payload: { target: `doc.${random.pick(letters)}` } };
    case "init":
      return { type: "init", payload: { value: { doc: value } } };
  }
}

function proposeCount(random: Random, cursor: number): Proposal {
  switch (random.weighted({ add: 6, old: 1, put: 4, note: 3, explode: 1 })) {
    case "add":
      return { event: { type: "add", version: 2, payload: { by: random.between(-5, 6) } } };
    case "old":
      return {
        event: { type: "add", payload: random.chance(0.8) ? { amount: random.between(-2, 3) } : { amount: "all" } },
      };
    case "put": {
      const event = { type: "put", payload: { key: random.pick(letters), value: random.between(0, 99) } };
      return random.chance(0.9) ? { event, expectedEventId: expectation(random, cursor) } : { event };
    }
    case "note":
      return { event: { type: "note", payload: { text: `${random.pick(texts)}${random.between(0, 20)}` } } };
    case "explode":
      return { event: { type: "explode", payload: { in: random.pick(["reduce", "validate", "schema"]) } } };
  }
}

function proposeStock(random: Random): JsonObject & { type: string } {
  const item = random.pick(["lamp", "chair"]);
  const location = random.pick(["north", "south"]);
  const hold = random.pick(letters.slice(0, 5));
  const line = { item, location, quantity: random.between(1, 3) };
  switch (random.weighted({ restock: 3, adjust: 1, reserve: 8, confirm: 2, release: 1, settle: 1, expire: 0.3 })) {
    case "restock":
      return { type: "restock", payload: line };
    case "adjust":
      return {
        type: "adjust",
        payload: { item, location, by: random.pick([-2, -1, 1]), reason: random.pick(["lost", "ü"]) },
      };
    case "reserve": {
      const other = { item: item === "lamp" ? "chair" : "lamp", location, quantity: 1 };
      return { type: "reserve", payload: { hold, lines: random.chance(0.3) ? [line, other] : [line] } };
    }
    case "confirm":
      return { type: "confirm", payload: { hold } };
    case "release":
      return { type: "release", payload: { hold } };
    case "settle": {
      const outcome = random.pick(["confirmed", "released"]);
      return { type: "settle", payload: { hold, outcome, reason: "paid" } };
    }
    case "expire":
      return { type: "expire", payload: { hold, expiresAt: 1 } };
  }
}

/** The applications of the runs. */
export const applications: readonly Application[] = [
  {
    name: "insieme",
    model: insieme,
    propose(random, cursor) {
      const event = random.chance(0.05) ? invalidEvent(random) : proposeTree(random);
      return random.chance(0.15) ? { event, expectedEventId: expectation(random, cursor) } : { event };
    },
    proposeAccepted: (random) => ({
      event: { type: "set", payload: { target: `bulk.${random.pick(letters)}`, value: random.pick(texts) } },
    }),
  },
  {
    name: "counter",
    model: counter,
    effects: counterEffects,
    propose: (random, cursor) => (random.chance(0.05) ? { event: invalidEvent(random) } : proposeCount(random, cursor)),
    proposeAccepted: () => ({ event: { type: "add", version: 2, payload: { by: 1 } } }),
  },
];

/** Without authors, for which the clients of these runs do not ask: all holds are of one holder. */
const { authors: _, ...anonymous } = inventory;
const anonymousInventory = defineModel(anonymous);

/** What only the runs of the partition have. */
export const partitionApplications: readonly Application[] = [
  ...applications,
  {
    name: "inventory",
    model: anonymousInventory,
    effects: inventoryEffects,
    propose: (random) => ({ event: random.chance(0.05) ? invalidEvent(random) : proposeStock(random) }),
    proposeAccepted: () => ({ event: { type: "restock", payload: { item: "bulk", location: "north", quantity: 1 } } }),
  },
];

/** The id of a draft, and its content, which a retry must repeat. */
export function memberOf(draftId: string, { event, expectedEventId }: Proposal): Member {
  const { type, version, payload } = event;
  const content: Record<string, Json> = { type };
  if (version !== undefined) content["version"] = version;
  if (payload !== undefined) content["payload"] = payload;
  if (expectedEventId !== undefined) content["expectedEventId"] = expectedEventId;
  return { draftId, content: canonicalJson(content) };
}
