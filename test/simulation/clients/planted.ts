import { Client } from "../../../src/client/api/client.ts";
import { Entries } from "../../../src/client/api/entries.ts";
import { History } from "../../../src/client/api/history.ts";
import { Engine } from "../../../src/client/sync/engine.ts";
import { Inbox } from "../../../src/client/sync/inbox.ts";
import { Link } from "../../../src/client/transport/link.ts";
import { Outbox } from "../../../src/client/sync/outbox.ts";
import { Presence } from "../../../src/client/sync/presence.ts";
import { Replica } from "../../../src/client/sync/replica.ts";
import { State } from "../../../src/model/index.ts";
import type { JsonObject } from "../../../src/protocol/index.ts";
import type { Variant } from "./world.ts";

/** Replaces a method; `make` gets the original. Returns a function that restores it. */
export function replace<T extends object, Name extends keyof T>(
  of: T,
  name: Name,
  make: (real: T[Name]) => T[Name],
): () => void {
  const real = Object.getOwnPropertyDescriptor(of, name)!;
  Object.defineProperty(of, name, { ...real, value: make(real.value as T[Name]) });
  return () => void Object.defineProperty(of, name, real);
}

/** Replaces the value of a getter. */
export function pretend<T extends object>(of: T, name: keyof T, value: unknown): () => void {
  const real = Object.getOwnPropertyDescriptor(of, name)!;
  Object.defineProperty(of, name, { configurable: true, get: () => value });
  return () => void Object.defineProperty(of, name, real);
}

/** A draft gets a new key when it is sent again. */
function newKeys(): () => void {
  const sent = new Set<unknown>();
  return replace(Link.prototype, "send", (send) => {
    return function (this: Link, type: string, payload: JsonObject) {
      const { draftId } = payload;
      if (type !== "submit_event") return send.call(this, type, payload);
      const again = sent.has(draftId);
      sent.add(draftId);
      return send.call(this, type, again ? { ...payload, draftId: `${String(draftId)}-${sent.size}` } : payload);
    };
  });
}

/** Entries are never removed by their verdict. */
function neverDone(): () => void {
  const restores = [
    replace(Outbox.prototype, "decide", () => () => {}),
    replace(Outbox.prototype, "remove", () => () => {}),
  ];
  return () => restores.forEach((restore) => restore());
}

/** The state of a client is never rolled back; that of the server is. */
function noWayBack(): () => void {
  const shown = new WeakSet<State<object>>();
  const restorePublish = replace(State.prototype, "publish", (publish) => {
    return function (this: State<object>) {
      shown.add(this);
      return publish.call(this);
    };
  });
  const restoreTaken = replace(State.prototype, "takeUndo", (takeUndo) => {
    return function (this: State<object>) {
      const undo = takeUndo.call(this);
      return () => {
        if (!shown.has(this)) undo();
      };
    };
  });
  const restoreUndo = replace(State.prototype, "undoTo", (undoTo) => {
    return function (this: State<object>, position: number) {
      if (!shown.has(this)) undoTo.call(this, position);
    };
  });
  return () => {
    restoreUndo();
    restoreTaken();
    restorePublish();
  };
}

/** Clients with planted bugs: the simulator must find each of them. */
export const planted: Readonly<Record<string, Variant>> = {
  "an inbox that does not detect gaps": { plant: () => pretend(Inbox.prototype, "hasHole", false) },
  "an inbox that delivers verdicts before their events": {
    plant: () =>
      replace(Inbox.prototype, "decide", (decide) => {
        return function (this: Inbox, key, verdict) {
          decide.call(this, key, verdict, 0);
        };
      }),
  },
  "an inbox that drops the author of events": {
    plant: () =>
      replace(Inbox.prototype, "put", (put) => {
        return function (this: Inbox, { eventId, event }) {
          put.call(this, { eventId, event: { ...event, clientId: "unknown" } });
        };
      }),
  },
  "an outbox that never sends again": { plant: () => replace(Outbox.prototype, "disconnect", () => () => {}) },
  "an outbox that does not wait after a refusal": {
    plant: () =>
      replace(Outbox.prototype, "refuse", (refuse) => {
        return function (this: Outbox, key, problem, now, _forMs, undecided) {
          refuse.call(this, key, problem, now, 0, undecided);
        };
      }),
  },
  "an outbox that sends decided entries": { plant: neverDone },
  "an outbox that sends the last first": {
    plant: () =>
      replace(Outbox.prototype, "take", (take) => {
        return function (this: Outbox, now) {
          return take.call(this, now).toReversed();
        };
      }),
  },
  "an engine that does not send stored entries": {
    plant: () =>
      replace(Engine.prototype, "start", (start) => {
        return function (this: Engine) {
          start.call(this, []);
        };
      }),
  },
  "an outbox that withdraws what it has sent": {
    plant: () =>
      replace(Outbox.prototype, "canWithdraw", () => {
        return function (this: Outbox, key) {
          return this.get(key) !== undefined;
        };
      }),
  },
  "drafts that replace no others": { plant: () => replace(Entries.prototype, "canReplace", () => () => false) },
  "drafts that replace what was sent": { plant: () => replace(Entries.prototype, "canReplace", () => () => true) },
  "a client that does not wait until drafts are stored": {
    plant: () =>
      replace(Client.prototype, "flushed", () => {
        return async function (this: Client<any, any>) {
          return this.durable;
        };
      }),
  },
  "a client that keeps what is discarded": {
    plant: () =>
      replace(Entries.prototype, "discard", () => {
        return function (this: Entries<object>, key) {
          this.forgotten(key);
        };
      }),
  },
  "an undo that undoes the oldest step": {
    plant: () =>
      replace(History.prototype, "take", (take) => {
        return function (this: History, what) {
          this[what].reverse();
          const step = take.call(this, what);
          this[what].reverse();
          return step;
        };
      }),
  },
  "an undo that also takes back what was rejected": {
    plant: () =>
      replace(History.prototype, "settle", (settle) => {
        return function (this: History, key, verdict) {
          const isRejected = verdict.status === "rejected" && !("results" in verdict);
          settle.call(this, key, isRejected ? { status: "accepted", results: [] } : verdict);
        };
      }),
  },
  "a change that belongs to any step before it": {
    plant: () =>
      replace(History.prototype, "add", (add) => {
        return function (this: History, change, step) {
          add.call(this, change, step ?? this.done.at(-1));
        };
      }),
  },
  "a redo that a change does not end": {
    plant: () =>
      replace(History.prototype, "add", (add) => {
        return function (this: History, change, step) {
          const undone = this.undone;
          add.call(this, change, step);
          this.undone = undone;
        };
      }),
  },
  "a client that shows what it has cached after sign-out": {
    plant: () => replace(Entries.prototype, "forget", () => () => {}),
  },
  "new keys on each retry": { plant: newKeys },
  "a link that does not wait for an answer to its heartbeat": {
    plant: () =>
      replace(Link.prototype, "expect", (expect) => {
        return function (this: Link, what, ms) {
          if (what !== "heartbeat") expect.call(this, what, ms);
        };
      }),
  },
  "a replica that never rolls back": { plant: noWayBack },
  "a replica that shows drafts twice that a fetched state may have": {
    plant: () =>
      replace(Replica.prototype, "reset", (reset) => {
        return function (this: Replica<object>, state, eventId) {
          reset.call(this, state, eventId, []);
        };
      }),
  },
  "a state that is saved while it has events of undecided drafts": {
    plant: () => pretend(Replica.prototype, "onlyDecided", true),
  },
  "presence that is not sent again": { plant: () => replace(Presence.prototype, "begin", () => () => {}) },
  "a draft that leaves the store when it is sent": { sent: (storage, key) => storage.forget(key) },
  "a client that treats all logs as the same": {
    tamper: (frame) => frame.replace(/"serverId":"[^"]*"/, '"serverId":"log"'),
  },
  "no delay between attempts": { delay: () => 0 },
  "a delay that never ends": { delay: () => 1e9 },
};
