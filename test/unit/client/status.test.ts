import { describe, expect, it } from "vitest";
import { type Status, type StatusInput, transitions } from "../../../src/client/sync/status.ts";

/** The expected next status of each status and input, written a second time. */
const expected: Record<Status, Record<StatusInput, Status>> = {
  offline: {
    dial: "connecting",
    connected: "offline",
    caught_up: "offline",
    fell_behind: "offline",
    lost: "offline",
    close: "closed",
  },
  connecting: {
    dial: "connecting",
    connected: "syncing",
    caught_up: "connecting",
    fell_behind: "connecting",
    lost: "offline",
    close: "closed",
  },
  syncing: {
    dial: "syncing",
    connected: "syncing",
    caught_up: "online",
    fell_behind: "syncing",
    lost: "offline",
    close: "closed",
  },
  online: {
    dial: "online",
    connected: "online",
    caught_up: "online",
    fell_behind: "syncing",
    lost: "offline",
    close: "closed",
  },
  closed: {
    dial: "closed",
    connected: "closed",
    caught_up: "closed",
    fell_behind: "closed",
    lost: "closed",
    close: "closed",
  },
};

describe("the state machine", () => {
  for (const [status, inputs] of Object.entries(expected) as [Status, Record<StatusInput, Status>][]) {
    for (const [input, next] of Object.entries(inputs) as [StatusInput, Status][]) {
      it(`[CL-4] ${status} × ${input} → ${next}`, () => {
        expect(transitions[status][input] ?? status).toBe(next);
      });
    }
  }

  it("[CL-4] has these statuses and no other", () => {
    expect(Object.keys(transitions).toSorted()).toEqual(Object.keys(expected).toSorted());
  });
});
