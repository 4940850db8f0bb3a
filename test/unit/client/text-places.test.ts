import { expect, it } from "vitest";
import { Places } from "../../../src/text/places.ts";

/** A client that others show cursors to. */
function watching() {
  const listeners = new Map<string, (given: unknown) => void>();
  const state = { eventId: 0, peers: [] as object[], sent: 0 };
  const client = {
    clientId: "me",
    get eventId() {
      return state.eventId;
    },
    get peers() {
      return state.peers;
    },
    on: (name: string, listener: (given: unknown) => void) => (listeners.set(name, listener), () => {}),
    subscribe: (listener: () => void) => (listeners.set("view", listener), () => {}),
    setPresence: () => void state.sent++,
  };
  const length = 1_000_000;
  const places = new Places(client as never, { doc: "d", length }, { type: "edit", more: {}, changed() {} });
  return {
    places,
    /** How often the own presence was sent. */
    sent: () => state.sent,
    /** Somebody inserts at the beginning, and changes this number of parts. */
    change(parts: number) {
      const changes = Array.from({ length: parts }, (_, at) => (at % 2 === 0 ? [0, "x"] : 1));
      const kept = Math.floor(parts / 2);
      const event = { type: "edit", clientId: "o", payload: { doc: "d", changes: [...changes, length - kept] } };
      listeners.get("confirmed")!({ events: [{ eventId: ++state.eventId, event }] });
    },
    /** A peer says where it was after an event. */
    show(eventId: number, at: number) {
      state.peers = [{ peerId: "p", clientId: "c", state: { text: { doc: "d", eventId, anchor: at, head: at } } }];
      listeners.get("view")!(undefined);
      return places.cursors.map(({ head }) => head);
    },
  };
}

it("[CL-8] [BD-1] a cursor that is stated for an old text is moved by a bounded number of changes, or not shown", () => {
  const one = watching();
  one.change(1);
  expect(one.show(0, 5)).toEqual([6]);
  for (let at = 0; at < 3; at++) one.change(1);
  expect(one.show(1, 6)).toEqual([9]);
  const other = watching();
  other.change(1_001);
  expect(other.show(0, 900_000)).toEqual([900_501]);
  other.change(1_001);
  expect(other.show(0, 900_001)).toEqual([]);
  expect(other.show(1, 900_000)).toEqual([900_501]);
  expect(other.show(2, 7)).toEqual([7]);
});

it("[CL-8] a cursor is sent again to a peer that comes after a change, and nothing is sent where nothing is selected", () => {
  const reader = watching();
  reader.change(1);
  reader.show(1, 0);
  expect(reader.sent()).toBe(1);
  const writer = watching();
  writer.places.select({ anchor: 5, head: 5 });
  writer.change(1);
  writer.show(1, 0);
  writer.show(1, 1);
  expect(writer.sent()).toBe(3);
});
