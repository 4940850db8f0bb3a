import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command, Submission, Work } from "../../src/core/index.ts";
import { type Author, bounds } from "../../src/protocol/index.ts";
import { type Message, type TestConnection, TestPartition } from "../support/partition.ts";

const alice: Author = { principal: "alice", permissions: "all" };

interface Options {
  echo: boolean;
  credit: boolean;
}

/** What a connection has received: as a client puts it together. */
class Received {
  readonly connection: TestConnection;
  readonly #room: TestPartition;
  readonly #echo: boolean;
  /** Every event up to this one was received. */
  cursor = 0;
  /** Events after a hole. */
  readonly ahead = new Set<number>();
  behind = false;
  #read = 0;

  constructor(room: TestPartition, { echo, credit }: Options) {
    this.#room = room;
    this.#echo = echo;
    this.connection = room.open(alice);
    this.connection.connect("phone", { echo, ...(credit ? { credit: bounds.creditBytesMin } : {}) });
  }

  /** Reads what has come in a window, and checks it. */
  read(): void {
    const { frames } = this.connection;
    const messages = frames.slice(this.#read).flatMap((frame) => [JSON.parse(frame) as Message].flat());
    this.#read = frames.length;
    // Out of credit, or after a sync meanwhile, it cannot compare a hash with what it has (PROTOCOL 6.4).
    const fallsBehind = messages.some(({ type }) => type === "head" || type === "sync_response");
    for (const message of messages) this.#take(message, fallsBehind);
    if (this.behind) return;
    // A live listener has everything when the window is over.
    expect([...this.ahead]).toEqual([]);
    expect(this.cursor).toBe(this.#room.partition.events(0, 1, this.#room.now).currentEventIndex);
  }

  #take({ type, payload }: Message, fallsBehind: boolean): void {
    if (type === "broadcast") {
      if (this.#echo) expect(payload.eventId).toBe(this.cursor + 1);
      this.#put(payload.eventId);
    } else if (type === "sync_response") {
      for (const { eventId } of payload.events) this.#put(eventId);
      this.behind = payload.hasMore;
    } else if (type === "event_accepted") this.#accepted(payload.eventId);
    else if (type === "events_result") {
      for (const { eventId } of payload.results) if (eventId !== undefined) this.#accepted(eventId);
    } else if (type === "head") this.behind = true;
    else if (type === "hash" && !this.behind && !fallsBehind) {
      // What came before it is what it is of.
      expect([...this.ahead]).toEqual([]);
      // It can be an earlier one again (PROTOCOL 6.4).
      if (!this.#echo) expect(this.cursor).toBeGreaterThanOrEqual(payload.eventIndex);
    }
  }

  #accepted(eventId: number): void {
    if (!this.#echo) this.#put(eventId);
  }

  #put(eventId: number): void {
    if (eventId > this.cursor) this.ahead.add(eventId);
    while (this.ahead.delete(this.cursor + 1)) this.cursor++;
  }
}

const key = fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h");
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("submit" as const), key, large: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("hash" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("sync" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("batch" as const),
      mode: fc.constantFrom("atomic" as const, "sequential" as const),
      keys: fc.uniqueArray(key, { minLength: 1, maxLength: 3 }),
    }),
  },
);
const turn = fc.record({ of: fc.nat(2), step });
const options = fc.record({ echo: fc.boolean(), credit: fc.boolean() });

function draft(draftId: string, large = false) {
  const event = { type: "set", payload: { target: draftId, value: large ? "x".repeat(30_000) : 1 } };
  return { draftId, event, expectedEventId: undefined };
}

function commandOf(asked: typeof step extends fc.Arbitrary<infer S> ? S : never, { cursor }: Received): Command {
  const requestId = "r";
  if (asked.kind === "hash") return { kind: "hash", requestId };
  if (asked.kind === "sync") {
    return { kind: "sync", requestId, partition: undefined, sinceEventId: cursor, limit: undefined } as Command;
  }
  const submission: Submission =
    asked.kind === "submit"
      ? { key: asked.key, mode: "single", drafts: [draft(asked.key, asked.large)] }
      : { key: `batch-${asked.keys.join("")}`, mode: asked.mode, drafts: asked.keys.map((id) => draft(id)) };
  return { kind: "submit", requestId, submission };
}

describe("what a connection receives", () => {
  it("[WP-5] [WP-12] has no hole, whatever verdicts, replays, hashes and events of others come in one window", () => {
    fc.assert(
      fc.property(
        fc.array(options, { minLength: 3, maxLength: 3 }),
        fc.array(fc.array(turn, { minLength: 1, maxLength: 6 }), { maxLength: 6 }),
        (wanted, windows) => {
          const room = new TestPartition();
          const clients = wanted.map((each) => new Received(room, each));
          for (const turns of windows) {
            const batch = turns.map(({ of, step: asked }): Work => {
              const client = clients[of]!;
              return { session: client.connection.session, command: commandOf(asked, client) };
            });
            room.partition.process(batch, room.now);
            for (const client of clients) client.read();
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("[WP-5] [CL-7] a replay behind a hash does not take the event of another connection out of its place", () => {
    const room = new TestPartition();
    const [x, y, z] = [false, true, true].map((echo) => new Received(room, { echo, credit: false }));
    const submit = (client: Received, id: string): Work => ({
      session: client.connection.session,
      command: { kind: "submit", requestId: "r", submission: { key: id, mode: "single", drafts: [draft(id)] } },
    });
    room.partition.process(
      [
        submit(y!, "a"),
        submit(z!, "b"),
        { session: x!.connection.session, command: { kind: "hash", requestId: "h" } },
        submit(x!, "a"),
      ],
      room.now,
    );
    expect(x!.connection.received).toEqual(["connected", "broadcast", "broadcast", "hash", "accepted"]);
    x!.read();
  });
});
