import { Entries } from "../../../src/client/api/entries.ts";
import { Delivery } from "../../../src/client/sync/delivery.ts";
import { Leader } from "../../../src/client/tabs/leader.ts";
import { replace } from "../clients/planted.ts";
import type { TabsVariant } from "./world.ts";

/** Tabs with planted faults: the simulator must find each of them. `seed`: the first one that did; it is tried first. */
export const plantedInTabs: Readonly<Record<string, TabsVariant & { seed: number }>> = {
  "two users who share a connection": { seed: 1, nameOf: (name) => name.replace(/user:\w+/, "") },
  "a leader that does not take what others offer": {
    seed: 3,
    plant: () =>
      replace(Leader.prototype, "receive", (receive) => {
        return function (this: Leader, message) {
          if (message.kind !== "offer") receive.call(this, message);
        };
      }),
  },
  "a leader that keeps verdicts to itself": {
    seed: 1,
    hears: (message) => !(message.kind === "item" && message.item.kind === "verdict"),
  },
  "a leader that keeps events to itself": {
    seed: 4,
    hears: (message) => !(message.kind === "item" && message.item.kind === "events"),
  },
  "a view that goes on with a newer model's events": {
    seed: 2,
    plant: () => replace(Delivery.prototype, "stand", () => () => {}),
  },
  "a client that does not see that the server is older": {
    seed: 4,
    tamper: (frame) => frame.replace('"modelVersion":1,', '"modelVersion":2,'),
  },
  "a client that does not hear that it may not read any more": {
    seed: 2,
    tamper: (frame) => frame.replaceAll('"code":"forbidden"', '"code":"already_connected"'),
  },
  "a client that goes on to wait for verdicts when it may not read": {
    seed: 2,
    plant: () => replace(Entries.prototype, "close", () => () => {}),
  },
};
