import { createHash, createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { single, Subscription } from "../../src/core/index.ts";
import { type AnyModel, type AuthorsShown, defineModel, State } from "../../src/model/index.ts";
import { foldEvent } from "../../src/model/fold.ts";
import { answerEvents, answerOutcome } from "../../src/wire/partita/answers.ts";
import { loggedText } from "../../src/wire/partita/codec.ts";
import { pageTag } from "../../src/wire/partita/etags.ts";
import type { SqlRow, SqlValue } from "../../src/storage/driver.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { type Message, TestPartition } from "../support/partition.ts";

/** Keeps what its functions are given of who acts. */
const notesOf = (authors: AuthorsShown | undefined) =>
  defineModel({
    name: "notes",
    version: 1,
    initialState: () => ({ notes: [] as { by: string; at: string; text: string }[] }),
    ...(authors && { authors }),
    events: {
      note: {
        payload: z.strictObject({ text: z.string() }),
        validate(_, { author, payload, clientId }, { principal }) {
          const expected = payload.text.startsWith("?") ? payload.text : undefined;
          const given = `?${author} ${principal} ${clientId}`;
          return expected === undefined ? undefined : { field: "payload.text", code: "GIVEN", message: given };
        },
        reduce(state, { author = "nobody", clientId, payload }) {
          state.notes.push({ by: author, at: clientId, text: payload.text });
        },
      },
    },
  });

const verified = (principal: string) => ({ principal, permissions: "all" as const, expiresAt: 1_800_000_000_000 });
const secretOf = (room: TestPartition) => room.driver.query("SELECT author_secret FROM log")[0]!["author_secret"];

function opened(authors: AuthorsShown | undefined, driver = new NodeSqlDriver()) {
  const room = new TestPartition({ model: notesOf(authors), driver });
  const connect = (principal: string, clientId: string, more: object = {}) => {
    const connection = room.open(verified(principal));
    const [connected] = connection.connect(clientId, more);
    return { connection, connected: connected as Message };
  };
  return { room, connect };
}
const note = (text: string) => ["note", { text }] as const;
const authorsIn = (messages: readonly Message[]) => messages.map(({ payload }) => payload.event.author);

describe.each(["shown", "pseudonym"] as const)("a model whose authors are %s", (authors) => {
  const asking = { authors: true };

  it("[MD-13] names the author in reducers, validators, connected, broadcasts, acceptances, pages and presence", () => {
    const { room, connect } = opened(authors);
    const alice = connect("alice", "phone", { ...asking, presence: true });
    const bob = connect("bob", "laptop", { ...asking, presence: true });
    const own = alice.connected.payload.author as string;
    if (authors === "shown") expect(own).toBe("alice");
    const accepted = alice.connection.submit("d-1", ...note("one"));
    expect(accepted.payload.event.author).toBe(own);
    expect(authorsIn(bob.connection.of("broadcast"))).toEqual([own]);
    const [page] = bob.connection.send("sync", { sinceEventId: 0 });
    expect(page.payload.events.map(({ event }: Message) => event.author)).toEqual([own]);
    expect(room.state()).toEqual({ notes: [{ by: own, at: "phone", text: "one" }] });
    const rejected = alice.connection.submit("d-2", ...note("?"));
    expect(rejected.payload.errors[0].message).toBe(`?${own} alice phone`);
    alice.connection.send("presence", { state: { x: 1 } });
    expect(bob.connection.of("presence").at(-1)!.payload.peers).toEqual([
      { peerId: expect.any(String), clientId: "phone", author: own, state: { x: 1 } },
    ]);
    expect(bob.connected.payload.author).not.toBe(own);
  });

  it("[MD-13] sends it only to who asks, and never with the answer to a submission over HTTP", () => {
    const { room, connect } = opened(authors);
    const bob = connect("bob", "laptop", { presence: true });
    const alice = connect("alice", "phone", { presence: true });
    alice.connection.submit("d-1", ...note("one"));
    alice.connection.send("presence", { state: { x: 1 } });
    bob.connection.send("sync", { sinceEventId: 0 });
    const submission = single({
      draftId: "d-3",
      event: { type: "note", payload: { text: "three" } },
      expectedEventId: undefined,
    });
    const answer = answerOutcome(
      "room",
      submission,
      room.partition.submit(verified("carol"), "http", submission, room.now),
    );
    expect(answer.status).toBe(201);
    for (const text of [...bob.connection.frames, ...alice.connection.frames, answer.body]) {
      expect(text).not.toContain('"author"');
    }
    const textOf = (asked: boolean) =>
      answerEvents(
        room.partition.events(0, 9, room.now),
        "",
        loggedText("room", room.partition.authors, { authors: asked }),
      ).body;
    expect(textOf(false)).not.toContain('"author"');
    expect(JSON.parse(textOf(true)).events.map(({ event }: Message) => event.author)).toEqual(
      ["alice", "carol"].map((principal) => room.partition.authors.of(principal)),
    );
    const row = room.driver.query("SELECT * FROM events WHERE event_id = 1");
    expect(row).toHaveLength(1);
    const [first] = room.partition.events(0, 1, room.now).events;
    expect(room.codec.numbered(first!, { authors: true })).toContain('"author"');
    expect(room.codec.numbered(first!, {})).not.toContain('"author"');
    expect(room.codec.numbered(first!, { correlations: true })).toMatch(/,"correlationId":"[0-9a-f]+:1"}$/);
  });

  it("[MD-13] [TX-8] is the same live, in replay after a restart, at each past event, and in a client's own fold", () => {
    const { room, connect } = opened(authors);
    const alice = connect("alice", "phone");
    const reader = connect("bob", "laptop", asking);
    for (const text of ["one", "two", "three"]) alice.connection.submit(text, ...note(text));
    const live = room.state();
    const past = room.state(2);
    room.restart();
    expect(room.state()).toEqual(live);
    expect(room.state(2)).toEqual(past);
    const state = new State<object>(notesOf(authors).initialState());
    for (const { payload } of reader.connection.of("broadcast")) foldEvent(notesOf(authors), state, payload.event);
    expect(JSON.parse(state.stringify())).toEqual(live);
  });

  it("[MD-13] [ID-1] gives a retry the same bytes, for connections that ask as for others", () => {
    const { room, connect } = opened(authors);
    for (const more of [asking, {}]) {
      const first = connect("alice", "phone", more).connection;
      first.submit(`d${JSON.stringify(more)}`, ...note("one"));
      const bytes = first.frames.find((frame) => frame.includes("event_accepted"));
      room.restart();
      const again = connect("alice", "phone", more).connection;
      again.submit(`d${JSON.stringify(more)}`, ...note("one"));
      expect(again.frames).toContain(bytes);
    }
  });
});

describe("a pseudonym", () => {
  it("[MD-13] is made of a secret of the partition: it is stable there, another one elsewhere, and no hash of the subject", () => {
    const { room, connect } = opened("pseudonym");
    const own = connect("alice", "phone", { authors: true }).connected.payload.author as string;
    const { connection } = connect("alice", "tablet", { authors: true });
    connection.submit("d-1", ...note("one"));
    const secret = secretOf(room) as string;
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(own).toBe(createHmac("sha256", secret).update("alice").digest("hex").slice(0, 32));
    expect(own).not.toContain(createHash("sha256").update("alice").digest("hex").slice(0, 8));
    const other = opened("pseudonym");
    // The randomness of a test is a counter.
    other.room.open().raw("no message");
    expect(other.connect("alice", "phone", { authors: true }).connected.payload.author).not.toBe(own);
    room.restart();
    expect(connect("alice", "watch", { authors: true }).connected.payload.author).toBe(own);
  });

  it("[MD-13] [LC-3] is the same before the log is written, over hibernation, and after its first event", () => {
    const { room, connect } = opened("pseudonym");
    const { connection, connected } = connect("alice", "phone", { authors: true });
    expect(room.driver.query("SELECT name FROM sqlite_master WHERE name = 'log'")).toEqual([]);
    room.restart();
    const woken = room.attach(connection.saved);
    expect(woken.submit("d-1", ...note("one")).payload.event.author).toBe(connected.payload.author);
    room.restart();
    expect(room.state()).toMatchObject({ notes: [{ by: connected.payload.author }] });
  });

  it("[MD-13] a log from before there were pseudonyms gets its secret when it is opened, and its events have authors", () => {
    const driver = new NodeSqlDriver();
    const before = opened(undefined, driver);
    before.connect("alice", "phone").connection.submit("d-1", ...note("one"));
    expect(secretOf(before.room)).toBeNull();
    const after = opened("pseudonym", driver);
    const secret = secretOf(after.room);
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    const { author } = after.connect("alice", "phone", { authors: true }).connected.payload;
    expect(after.room.state()).toMatchObject({ notes: [{ by: author }] });
    after.room.restart();
    expect(secretOf(after.room)).toBe(secret);
    expect(after.room.state()).toMatchObject({ notes: [{ by: author }] });
  });
});

describe("a log that is older than the pseudonyms of its model, on a full disk", () => {
  class FullDisk extends NodeSqlDriver {
    full = false;

    override write(sql: string, ...values: SqlValue[]): SqlRow[] {
      if (this.full) throw new Error("database or disk is full: SQLITE_FULL");
      return super.write(sql, ...values);
    }
  }

  it("[MD-13] [LC-8] is readable, and gets its secret with the next write", () => {
    const driver = new FullDisk();
    const { room, connect } = opened(undefined, driver);
    connect("alice", "phone").connection.submit("d-1", ...note("one"));
    driver.full = true;
    room.restart(notesOf("pseudonym") as AnyModel);
    const bob = connect("bob", "laptop", { authors: true, sinceEventId: 0 }).connection;
    const { author } = bob.of("sync_response")[0].payload.events[0].event;
    expect(author).toMatch(/^[0-9a-f]{32}$/);
    expect(room.state()).toEqual({ notes: [{ by: author, at: "phone", text: "one" }] });
    expect(secretOf(room)).toBeNull();

    driver.full = false;
    expect(bob.submit("d-2", ...note("two")).type).toBe("event_accepted");
    const live = room.state();
    expect(live).toMatchObject({ notes: [{ by: author }, {}] });
    room.restart(notesOf("pseudonym") as AnyModel);
    expect(room.state()).toEqual(live);
  });
});

describe("a model that hides its authors", () => {
  it("[MD-13] shows no client id either, except to the submitter in its own verdict", () => {
    const { room, connect } = opened("hidden");
    const bob = connect("bob", "laptop", { authors: true, presence: true });
    const alice = connect("alice", "phone", { authors: true, presence: true });
    expect(alice.connected.payload).not.toHaveProperty("author");
    expect(alice.connection.submit("d-1", ...note("one")).payload.event.clientId).toBe("phone");
    alice.connection.send("presence", { state: {} });
    bob.connection.send("sync", { sinceEventId: 0 });
    for (const text of bob.connection.frames) expect(text).not.toMatch(/phone|alice/);
    expect(bob.connection.of("broadcast")[0].payload.event.clientId).toBe("");
    const { authors } = room.partition;
    for (const asked of [true, false]) {
      const { body } = answerEvents(
        room.partition.events(0, 9, room.now),
        "",
        loggedText("room", authors, { authors: asked }),
      );
      expect(body).not.toMatch(/phone|alice/);
      expect(room.codec.numbered(room.partition.events(0, 1, room.now).events[0]!, { authors: asked })).not.toMatch(
        /phone|alice/,
      );
    }
    expect(alice.connection.submit("d-2", ...note("?")).payload.errors[0].message).toBe("?undefined alice ");
  });

  it("[MD-13] [TX-8] folds the same live, in replay, and from verdicts, which have the client id", () => {
    const { room, connect } = opened("hidden");
    const alice = connect("alice", "phone", { echo: false }).connection;
    const verdict = alice.submit("d-1", ...note("one"));
    const live = room.state();
    expect(live).toEqual({ notes: [{ by: "nobody", at: "", text: "one" }] });
    room.restart();
    expect(room.state()).toEqual(live);
    const state = new State<object>(notesOf("hidden").initialState());
    foldEvent(notesOf("hidden"), state, verdict.payload.event);
    expect(JSON.parse(state.stringify())).toEqual(live);
  });
});

describe("a model that says nothing of authors", () => {
  it("[MD-13] [ID-1] has no authors anywhere, also for clients that ask, and needs no secret", () => {
    const { room, connect } = opened(undefined);
    const asking = connect("alice", "phone", { authors: true, presence: true }).connection;
    const plain = connect("bob", "laptop", { presence: true }).connection;
    const accepted = asking.submit("d-1", ...note("one"));
    expect(accepted.payload.event).not.toHaveProperty("author");
    expect(asking.frames.join()).not.toContain("author");
    expect(plain.frames.join()).not.toContain("author");
    expect(secretOf(room)).toBeNull();
    expect(pageTag(room.partition.standing(room.now))).toMatch(/^"[^.]+(\.[^.]+){3}"$/);
    expect(room.state()).toEqual({ notes: [{ by: "nobody", at: "phone", text: "one" }] });
  });

  it("[MD-13] [OB-5] has another tag of a page once it does", () => {
    const standing = (authors: AuthorsShown | undefined) => opened(authors).room.partition.standing(0);
    const tags = [undefined, "shown", "pseudonym", "hidden"].map((authors) =>
      pageTag(standing(authors as AuthorsShown)),
    );
    expect(new Set(tags).size).toBe(4);
  });
});

it("[MD-13] a stream of the log weighs its authors, so that a page stays within its bytes", () => {
  const { room, connect } = opened("shown");
  const alice = connect("a".repeat(128), "phone").connection;
  for (let at = 0; at < 20; at++) alice.submit(`d-${at}`, ...note("x"));
  const counts = [false, true].map((authors) => {
    const pages: number[] = [];
    const subscription = new Subscription(
      verified("bob"),
      { eventId: 0, proof: undefined },
      1e6,
      { started: () => {}, deliver: (events) => void pages.push(events.length), behind: () => {}, ended: () => {} },
      undefined,
      () => 4_096,
      authors,
    );
    room.partition.attach(subscription, room.now);
    room.partition.process([{ subscription }], room.now);
    return pages[0]!;
  });
  expect(counts[1]).toBeLessThan(counts[0]!);
});
