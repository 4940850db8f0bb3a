import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defineModel } from "../../src/model/index.ts";
import { inventoryEffects } from "../../src/models/inventory/effects.ts";
import { holdMs } from "../../src/models/inventory/holds.ts";
import { type Inventory, inventory } from "../../src/models/inventory/index.ts";
import { changeStock } from "../../src/models/inventory/stock.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import { draftBounds } from "../../src/protocol/index.ts";
import { applyToInventory, emptyInventory, inventoryState } from "../simulation/naive-inventory.ts";
import { ModelSteps } from "../support/model-steps.ts";
import { TestPartition } from "../support/partition.ts";

const shop = "shop";
const line = (item: string, quantity: number, location = "north") => ({ item, location, quantity });

/** A shop with 5 lamps and 2 chairs. */
function stocked(): ModelSteps {
  const steps = new ModelSteps(inventory);
  expect(steps.submit(shop, "restock", line("lamp", 5))).toEqual([]);
  expect(steps.submit(shop, "restock", line("chair", 2))).toEqual([]);
  return steps;
}

describe("inventory", () => {
  it("[MD-9] [TX-11] lets no two holders have the last unit", () => {
    const steps = stocked();
    expect(steps.codes("ann", "reserve", { hold: "a", lines: [line("chair", 2)] })).toEqual([]);
    expect(steps.submit("bob", "reserve", { hold: "b", lines: [line("chair", 1)] })).toEqual([
      {
        field: "payload.lines[0].quantity",
        code: "INSUFFICIENT_STOCK",
        message: '0 of "chair" can be reserved at "north".',
      },
    ]);
  });

  it("[MD-9] reserves all lines or none, and says what is wrong with each", () => {
    const steps = stocked();
    const before = steps.canonical();
    const lines = [line("lamp", 1), line("chair", 3), line("sofa", 1), line("lamp", 9, "south")];
    expect(steps.submit("ann", "reserve", { hold: "a", lines }).map(({ field, code }) => [field, code])).toEqual([
      ["payload.lines[1].quantity", "INSUFFICIENT_STOCK"],
      ["payload.lines[2].item", "STOCK_NOT_FOUND"],
      ["payload.lines[3].item", "STOCK_NOT_FOUND"],
    ]);
    expect(steps.canonical()).toBe(before);
  });

  it("[TX-16] confirms and releases what is held, by its holder only", () => {
    const steps = stocked();
    steps.submit("ann", "reserve", { hold: "a", lines: [line("lamp", 2)] });
    steps.submit("ann", "reserve", { hold: "b", lines: [line("lamp", 1)] });
    expect(steps.codes("bob", "confirm", { hold: "a" })).toEqual(["NOT_YOUR_HOLD"]);
    expect(steps.codes("bob", "release", { hold: "a" })).toEqual(["NOT_YOUR_HOLD"]);
    expect(steps.codes("ann", "confirm", { hold: "a" })).toEqual([]);
    expect(steps.codes("ann", "release", { hold: "b" })).toEqual([]);
    expect(steps.codes("ann", "release", { hold: "b" })).toEqual(["HOLD_NOT_FOUND"]);
    expect(steps.plain()).toMatchObject({
      items: { lamp: { stock: { north: { onHand: 3, held: 0 } }, held: {} } },
      holds: {},
      holders: {},
      totals: { onHand: 5, held: 0, reserved: 0, short: 0 },
    });
  });

  it("[MD-9] the seller ends the hold of another, with a permission of its own", () => {
    const room = new TestPartition({ model: inventory });
    const as = (principal: string, permissions: "all" | string[]) => {
      const connection = room.open({ principal, permissions, expiresAt: 1_800_000_000_000 });
      connection.connect(principal);
      return connection;
    };
    const seller = as(shop, "all");
    const ann = as("ann", ["read", "submit:reserve", "submit:confirm", "submit:release"]);
    const bob = as("bob", ["read", "submit:reserve", "submit:confirm", "submit:release"]);
    seller.submit("1", "restock", line("lamp", 5));
    expect(ann.submit("2", "reserve", { hold: "a", lines: [line("lamp", 1)] }).type).toBe("event_accepted");
    // The payload cannot say whose the hold is, and the rule compares what the server knows.
    expect(bob.submit("3", "release", { hold: "a" }).payload.errors[0].code).toBe("NOT_YOUR_HOLD");
    expect(bob.submit("4", "reserve", { hold: "b", holder: "ann", lines: [line("lamp", 1)] }).payload.code).toBe(
      "validation_failed",
    );
    const settle = { hold: "a", outcome: "confirmed", reason: "paid" };
    expect(ann.submit("5", "settle", settle).payload.code).toBe("forbidden");
    expect(seller.submit("6", "settle", settle).type).toBe("event_accepted");
  });

  it("[MD-9] limits the units of one holder, held and taken together, until the limit is removed", () => {
    const steps = stocked();
    steps.submit(shop, "limit", { item: "lamp", perHolder: 2 });
    expect(steps.codes("ann", "reserve", { hold: "a", lines: [line("lamp", 3)] })).toEqual(["HOLDER_LIMIT"]);
    steps.submit("ann", "reserve", { hold: "a", lines: [line("lamp", 2)] });
    expect(steps.codes("ann", "reserve", { hold: "b", lines: [line("lamp", 1)] })).toEqual(["HOLDER_LIMIT"]);
    expect(steps.codes("bob", "reserve", { hold: "b", lines: [line("lamp", 1)] })).toEqual([]);
    steps.submit("ann", "confirm", { hold: "a" });
    expect(steps.codes("ann", "reserve", { hold: "c", lines: [line("lamp", 1)] })).toEqual(["HOLDER_LIMIT"]);
    steps.submit(shop, "limit", { item: "lamp", perHolder: null });
    expect(steps.codes("ann", "reserve", { hold: "c", lines: [line("lamp", 1)] })).toEqual([]);
  });

  it("[MD-9] [MD-17] [TX-16] a hold expires by its event only: what is first in the log counts", () => {
    const steps = stocked();
    const hold = (name: string) => steps.submit("ann", "reserve", { hold: name, lines: [line("chair", 1)] });
    const { now } = steps;
    hold("a");
    hold("b");
    // Long after its time it still holds, and can be confirmed.
    steps.now += 24 * 60 * 60_000;
    expect(steps.codes("bob", "reserve", { hold: "c", lines: [line("chair", 1)] })).toEqual(["INSUFFICIENT_STOCK"]);
    expect(steps.codes("ann", "confirm", { hold: "b" })).toEqual([]);
    const expire = (name: string, expiresAt: number) => steps.codes("timer:hold", "expire", { hold: name, expiresAt });
    expect(expire("b", now + holdMs)).toEqual(["HOLD_NOT_FOUND"]);
    expect(expire("a", now + holdMs)).toEqual([]);
    // A timer that is late does not end the next hold of this name.
    hold("a");
    expect(expire("a", now + holdMs)).toEqual(["HOLD_NOT_FOUND"]);
    expect(expire("a", steps.now + holdMs)).toEqual([]);
    // Nor does a draft that is late, and names the hold that it is about.
    hold("a");
    for (const [type, more] of [
      ["confirm", {}],
      ["release", {}],
      ["settle", { outcome: "confirmed", reason: "paid" }],
    ] as const) {
      expect(steps.codes("ann", type, { hold: "a", expiresAt: now + holdMs, ...more })).toEqual(["HOLD_NOT_FOUND"]);
    }
    expect(steps.codes("ann", "release", { hold: "a", expiresAt: steps.now + holdMs })).toEqual([]);
    expect(steps.plain()).toMatchObject({ holds: {}, holders: {}, totals: { onHand: 6, held: 0 } });
  });

  it("[MD-17] nobody submits the expiry: it is the system's", () => {
    const room = new TestPartition({ model: inventory });
    const ann = room.client("ann");
    ann.submit("1", "restock", line("lamp", 1));
    ann.submit("2", "reserve", { hold: "a", lines: [line("lamp", 1)] });
    const { expiresAt } = (room.state() as unknown as Inventory).holds["a"]!;
    expect(ann.submit("3", "expire", { hold: "a", expiresAt }).payload.code).toBe("forbidden");
  });

  it("[TX-16] a hold sets a timer, and each end of it cancels that", () => {
    const steps = stocked();
    steps.submit("ann", "reserve", { hold: "a", lines: [line("lamp", 1)] });
    const caused = (type: string) => {
      const effect = inventoryEffects.of(type) as ((state: object, event: object) => object) | undefined;
      return effect?.(steps.plain<Inventory>(), { payload: { hold: "a" } });
    };
    const expiresAt = steps.now + holdMs;
    expect(caused("reserve")).toEqual({
      kind: "schedule",
      key: "hold:a",
      type: "expire",
      payload: { hold: "a", expiresAt },
      at: expiresAt,
    });
    for (const type of ["confirm", "release", "settle"])
      expect(caused(type)).toEqual({ kind: "cancel", key: "hold:a" });
    for (const type of ["expire", "restock", "adjust"]) expect(caused(type)).toBeUndefined();
  });

  it("[MD-12] does not undo a release that gave back more than the limit is now", () => {
    const steps = new ModelSteps(inventory);
    steps.submit(shop, "restock", line("lamp", 3));
    steps.submit("bob", "reserve", { hold: "h", lines: [line("lamp", 2)] });
    expect(steps.undoOf("bob", "release", { hold: "h" })).toHaveLength(1);
    steps.submit(shop, "limit", { item: "lamp", perHolder: 1 });
    expect(steps.undoOf("bob", "release", { hold: "h" })).toBe("irreversible");
  });

  it("[MD-12] does not undo the removal of a limit that was used, since what was taken is forgotten", () => {
    const steps = stocked();
    const limit = (perHolder: number | null) => ({ item: "lamp", perHolder });
    steps.submit(shop, "limit", limit(2));
    expect(steps.undoOf(shop, "limit", limit(null))).toEqual([{ type: "limit", payload: limit(2) }]);
    steps.submit("ann", "reserve", { hold: "a", lines: [line("lamp", 1)] });
    steps.submit("ann", "confirm", { hold: "a" });
    expect(steps.undoOf(shop, "limit", limit(null))).toBe("irreversible");
    expect(steps.undoOf(shop, "limit", limit(3))).toEqual([{ type: "limit", payload: limit(2) }]);
  });

  it("[MD-9] bounds the open holds of one holder", () => {
    const steps = new ModelSteps(inventory);
    steps.submit(shop, "restock", line("lamp", 1_000));
    for (let at = 0; at < 100; at++) {
      expect(steps.codes("ann", "reserve", { hold: `h${at}`, lines: [line("lamp", 1)] })).toEqual([]);
    }
    expect(steps.codes("ann", "reserve", { hold: "more", lines: [line("lamp", 1)] })).toEqual(["TOO_MANY_HOLDS"]);
    expect(steps.codes("bob", "reserve", { hold: "more", lines: [line("lamp", 1)] })).toEqual([]);
  });

  it("[MD-9] adjusts with a reason, never below what is held, and removes an item that is not there any more", () => {
    const steps = stocked();
    steps.submit("ann", "reserve", { hold: "a", lines: [line("lamp", 4)] });
    const lost = (by: number) => ({ item: "lamp", location: "north", by, reason: "broken" });
    expect(steps.codes(shop, "adjust", lost(-2))).toEqual(["INSUFFICIENT_STOCK"]);
    expect(steps.codes(shop, "adjust", { ...lost(-1), reason: "" })).toEqual(["SCHEMA_ERROR"]);
    expect(steps.codes(shop, "adjust", lost(-1))).toEqual([]);
    expect(steps.codes(shop, "remove", { item: "lamp" })).toEqual(["STOCK_LEFT"]);
    steps.submit("ann", "confirm", { hold: "a" });
    expect(steps.codes(shop, "remove", { item: "lamp" })).toEqual([]);
    expect(steps.codes(shop, "adjust", lost(1))).toEqual(["STOCK_NOT_FOUND"]);
  });

  it("[MD-14] takes any word as a name, or refuses it at its field", () => {
    for (const word of ["toString", "hasOwnProperty", "valueOf", "0", "a.b", "漢"]) {
      const steps = new ModelSteps(inventory);
      // The name of a hold is in the key of a timer: of ASCII characters only.
      const hold = word === "漢" ? "h" : word;
      expect(steps.codes("ann", "reserve", { hold, lines: [line(word, 1, word)] })).toEqual(["STOCK_NOT_FOUND"]);
      expect(steps.submit(shop, "restock", line(word, 2, word))).toEqual([]);
      expect(steps.submit(word, "reserve", { hold, lines: [line(word, 1, word)] })).toEqual([]);
      expect(steps.submit(word, "confirm", { hold })).toEqual([]);
      expect(steps.plain()).toMatchObject({ totals: { onHand: 1, held: 0 } });
    }
    for (const hold of ["漢", "a b", "", "x".repeat(49)]) {
      const [violation] = stocked().submit("ann", "reserve", { hold, lines: [line("lamp", 1)] });
      expect(violation?.field).toBe("payload.hold");
    }
    for (const word of ["__proto__", "constructor", "prototype"]) {
      const steps = stocked();
      expect(steps.submit(shop, "restock", line(word, 2))[0]?.field).toBe("payload.item");
      expect(steps.submit(shop, "restock", line("lamp", 2, word))[0]?.field).toBe("payload.location");
      expect(steps.submit("ann", "reserve", { hold: word, lines: [line("lamp", 1)] })[0]?.field).toBe("payload.hold");
    }
  });

  it("[MD-15] [BD-1] the work of an event does not grow with the number of items and holds", () => {
    const workAt = (size: number): number[] => {
      const steps = new ModelSteps(inventory);
      for (let at = 0; at < size; at++) {
        steps.fold(shop, "restock", line(`item-${at}`, 10));
        steps.fold(`holder-${at}`, "reserve", { hold: `hold-${at}`, lines: [line(`item-${at}`, 1)] });
      }
      const one = { hold: "one", lines: [line("item-7", 1), line("item-9", 1)] };
      const drafts = [
        ["restock", line("item-5", 1)],
        ["adjust", { item: "item-5", location: "north", by: -1, reason: "lost" }],
        ["limit", { item: "item-9", perHolder: 5 }],
        ["reserve", one],
        ["confirm", { hold: "one" }],
        ["reserve", one],
        ["release", { hold: "one" }],
        ["settle", { hold: "hold-3", outcome: "released", reason: "late" }],
      ] as const;
      return drafts.map(([type, payload]) => {
        expect(steps.submit("ann", type, payload)).toEqual([]);
        return steps.work;
      });
    };
    const few = workAt(100);
    expect(workAt(5_000)).toEqual(few);
    expect(Math.max(...few)).toBeLessThan(200);
  });

  it("[BD-1] the largest hold takes a small part of the work of a draft", () => {
    const steps = new ModelSteps(inventory);
    const lines = Array.from({ length: 50 }, (_, at) => line(`item-${at}`, 1));
    for (const each of lines) steps.submit(shop, "restock", each);
    expect(steps.submit("ann", "reserve", { hold: "a", lines })).toEqual([]);
    expect(steps.work).toBeLessThan(5_000);
    expect(steps.codes("ann", "reserve", { hold: "b", lines: [...lines, line("more", 1)] })).toEqual(["SCHEMA_ERROR"]);
    expect(JSON.stringify(lines).length).toBeLessThan(draftBounds.frameBytesMax);
  });
});

const holder = fc.constantFrom("ann", "bob", "cid");
const item = fc.constantFrom("lamp", "chair", "toString");
const location = fc.constantFrom("north", "south");
const hold = fc.constantFrom("h1", "h2", "h3");
const units = fc.integer({ min: 1, max: 4 });
const lines = fc.uniqueArray(fc.record({ item, location, quantity: units }), {
  minLength: 1,
  maxLength: 3,
  selector: (one) => `${one.item} ${one.location}`,
});
const of = (type: string, payload: fc.Arbitrary<object>) =>
  fc.record({ type: fc.constant(type), payload, author: holder, passed: fc.nat(300_000) });
const drafts = fc.array(
  fc.oneof(
    of("restock", fc.record({ item, location, quantity: units })),
    of("adjust", fc.record({ item, location, by: fc.constantFrom(-3, -1, 2), reason: fc.constant("count") })),
    of("limit", fc.record({ item, perHolder: fc.constantFrom(null, 1, 3, 5) })),
    of("remove", fc.record({ item })),
    of("reserve", fc.record({ hold, lines })),
    of("reserve", fc.record({ hold, lines })),
    of("confirm", fc.record({ hold })),
    of("expire", fc.record({ hold, expiresAt: fc.constant(0) })),
    of("release", fc.record({ hold })),
    of("settle", fc.record({ hold, outcome: fc.constantFrom("confirmed", "released"), reason: fc.constant("paid") })),
  ),
  { minLength: 10, maxLength: 40, size: "max" },
);

/** An expiry gets the time of its hold. */
function timely(type: string, payload: object, holds: Record<string, { expiresAt: number }>): object {
  if (type !== "expire") return payload;
  return { ...payload, expiresAt: holds[(payload as { hold: string }).hold]?.expiresAt ?? 0 };
}

describe("inventory, at random", () => {
  it("[MD-9] [TX-8] [TX-10] decides as the naive inventory does, and has the same state", () => {
    fc.assert(
      fc.property(drafts, (all) => {
        const steps = new ModelSteps(inventory);
        const naive = emptyInventory();
        const folded = new ModelSteps(inventory);
        for (const { type, payload: drawn, author, passed } of all) {
          const payload = timely(type, drawn, naive.holds);
          folded.now = steps.now += passed;
          const objections = steps.submit(author, type, payload);
          const accepted = applyToInventory(naive, { type, payload, author, timestamp: steps.now });
          expect([type, payload, objections.length === 0]).toEqual([type, payload, accepted]);
          // No draft comes as far as the invariants: the rules say why it is rejected.
          expect(objections.map(({ code }) => code)).not.toContain("INVARIANT");
          if (accepted) folded.fold(author, type, payload);
          expect(steps.canonical()).toBe(canonicalJson(inventoryState(naive)));
        }
        expect(folded.canonical()).toBe(steps.canonical());
      }),
      { numRuns: 300 },
    );
  });

  it("[MD-12] undoes what can be undone, but for stocks of no units", () => {
    fc.assert(
      fc.property(drafts, (all) => {
        const steps = new ModelSteps(inventory);
        for (const { type, payload, author } of all) {
          const undo = (() => {
            try {
              return steps.undoOf(author, type, payload);
            } catch {
              // Only of drafts that the model accepts: others have nothing to undo.
              return undefined;
            }
          })();
          const before = steps.canonical();
          if (steps.submit(author, type, payload).length > 0) continue;
          if (!Array.isArray(undo)) continue;
          for (const draft of undo) expect(steps.submit(author, draft.type, draft.payload)).toEqual([]);
          if (type !== "restock") expect(steps.canonical()).toBe(before);
          steps.submit(author, type, payload);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("the invariants of an inventory", () => {
  it.each([
    ["no stock is below what is held of it, or below zero", { onHand: -6 }],
    ["the stock holds what the holds have reserved", { held: 1 }],
  ])("[TX-10] are checked with each event: %s", (name, wrong) => {
    const { adjust } = inventory.events;
    const reduce: typeof adjust.reduce = (state) => changeStock(state, { item: "lamp", location: "north" }, wrong);
    const faulty = defineModel({ ...inventory, events: { ...inventory.events, adjust: { ...adjust, reduce } } });
    const steps = new ModelSteps(faulty);
    steps.submit(shop, "restock", line("lamp", 5));
    const before = steps.canonical();
    const answer = steps.submit(shop, "adjust", { item: "lamp", location: "north", by: 1, reason: "found" });
    expect(answer).toEqual([{ field: "", code: "INVARIANT", message: name }]);
    expect(steps.canonical()).toBe(before);
  });
});
