import { Session } from "../../../src/core/index.ts";
import { pretend, replace } from "./planted.ts";
import type { Variant } from "./world.ts";

/** What is wrong with the wire of the package `insieme`, on either side: the simulator must find each. */
export const plantedGuests: Readonly<Record<string, Variant>> = {
  "a server that does not send what was committed during a cycle of pages": {
    plant: () => pretend(Session.prototype, "follows", false),
  },
  "a server whose cycles of pages have no end of their own": {
    plant: () =>
      replace(Session.prototype, "update", (update) => {
        return function (this: Session, change) {
          update.call(this, "cycleEnd" in change ? { ...change, cycleEnd: undefined } : change);
        };
      }),
  },
  "a server that counts the drafts of guests as of their clients": {
    tamperAsked: (frame) =>
      frame.replaceAll(/"id":"(guest\d)\.(\d+)"/g, (_, name, number) => `"id":"${name}.${number}.${++retries}"`),
  },
  "a broadcast that is lost": {
    tamperGuest: (message) =>
      message.type === "event_broadcast" && message.payload.committedId % 7 === 0 ? undefined : message,
  },
  "results that are lost": {
    tamperGuest: (message) => (message.type === "submit_events_result" ? undefined : message),
  },
  "results with the number of another event": {
    tamperGuest: (message) => {
      if (message.type !== "submit_events_result") return message;
      const results = message.payload.results.map((result: { committedId?: number }) =>
        result.committedId === undefined ? result : Object.assign(result, { committedId: result.committedId + 1 }),
      );
      return { ...message, payload: { results } };
    },
  },
};

let retries = 0;
