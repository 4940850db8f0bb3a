import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Command, Intake, single } from "../../src/core/index.ts";
import { weightOf } from "../../src/model/weight.ts";
import type { Processed } from "../../src/core/window/window.ts";
import type { Work } from "../../src/core/window/work.ts";
import { bounds } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { type Message, type TestConnection, TestPartition } from "../support/partition.ts";
import { testTurns } from "../support/turns.ts";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

/** An intake whose timer the test fires. */
class Harness {
  readonly batches: Work[][] = [];
  readonly intake: Intake;
  #window: (() => void) | undefined;

  /** `process`: by default everything is done at once, and costs nothing. */
  constructor(
    process: (batch: readonly Work[], workMax: number) => Processed | undefined = () => undefined,
    connections = 0,
    isAlone = () => false,
  ) {
    this.intake = new Intake({
      connections,
      isAlone,
      process: (batch, workMax) => {
        const processed = process(batch, workMax) ?? { done: batch.length, work: 0 };
        this.batches.push(batch.slice(0, processed.done));
        return processed;
      },
      turns: testTurns((turn) => {
        expect(this.#window).toBeUndefined();
        this.#window = turn;
      }),
    });
  }

  /** A frame of `bytes` arrives; `read` decodes it. */
  arrive(bytes: number, read: () => Work | undefined, source: object = {}, now = 0): void {
    this.intake.arrive(Object.assign(source, { read, overflowed: () => {} }), "x".repeat(bytes), now);
  }

  get timer(): boolean {
    return this.#window !== undefined;
  }

  fire(): void {
    const window = this.#window!;
    this.#window = undefined;
    window();
  }
}

const work = (connection: TestConnection, draftId: string): Work => ({
  session: connection.session,
  command: {
    kind: "submit",
    requestId: `r-${draftId}`,
    submission: single({
      draftId,
      event: { type: "set", payload: { target: "n", value: draftId } },
      expectedEventId: undefined,
    }),
  },
});
const draftIds = (batch: Work[]) =>
  batch.map((one) => ("command" in one && one.command.kind === "submit" ? one.command.submission.key : "?"));

describe("Intake", () => {
  it("[WP-10] adds no delay while it is quiet, sets a timer at each fourth arrival only, and leaves none behind", () => {
    const client = new TestPartition().client("a");
    const harness = new Harness();
    for (const at of range(1, 20)) {
      harness.intake.offer(client, work(client, `d${at}`), 100);
      expect(harness.batches).toHaveLength(at);
      expect(harness.timer).toBe(at % 4 === 0);
      if (harness.timer) harness.fire();
      expect(harness.timer).toBe(false);
    }
  });

  it("[WP-10] batches under load, and decides each draft at once again after a quiet window", () => {
    const client = new TestPartition().client("a");
    const harness = new Harness();
    for (const at of range(1, 20)) harness.intake.offer(client, work(client, `d${at}`), 100);
    expect(harness.batches.map(({ length }) => length)).toEqual(Array(8).fill(1));
    harness.fire();
    expect(draftIds(harness.batches[8]!)).toEqual(range(9, 20).map((at) => `d${at}`));
    // Still batching: the next draft is decided with its window.
    harness.intake.offer(client, work(client, "d21"), 100);
    expect(harness.batches).toHaveLength(9);
    harness.fire();
    expect(draftIds(harness.batches[9]!)).toEqual(["d21"]);
    // That was quiet.
    harness.intake.offer(client, work(client, "d22"), 100);
    expect(draftIds(harness.batches[10]!)).toEqual(["d22"]);
  });

  it("[AU-6] gives turns: a flood delays another connection by one turn, not by the flood", () => {
    const room = new TestPartition();
    const [flooder, other] = [room.client("flooder"), room.client("other")];
    const harness = new Harness(undefined, 10);
    for (const at of range(1, 900)) harness.intake.offer(flooder, work(flooder, `f${at}`), 100);
    for (const at of range(1, 3)) harness.intake.offer(other, work(other, `o${at}`), 100);
    harness.fire();
    const first = draftIds(harness.batches[8]!);
    // The share of the flooder, and all of the other connection.
    expect(first).toHaveLength(bounds.windowWorkPerConnectionMax + 3);
    expect(first.slice(0, 6)).toEqual(["f9", "o1", "f10", "o2", "f11", "o3"]);
    // The next window continues where this one ended.
    harness.fire();
    expect(draftIds(harness.batches[9]!)[0]).toBe(`f${9 + bounds.windowWorkPerConnectionMax}`);
  });

  it("[AU-6] [WP-10] bounds a window whatever the number of connections, and the next begins where it ended", () => {
    const room = new TestPartition();
    const clients = range(1, 10).map((at) => room.client(`c${at}`));
    const harness = new Harness(undefined, 1_000);
    for (const at of range(1, 100)) {
      clients.forEach((client, of) => harness.intake.offer(client, work(client, `${of}-${at}`), 100));
    }
    harness.fire();
    const first = draftIds(harness.batches[8]!);
    expect(first).toHaveLength(bounds.windowWorkMax);
    // Two connections had one turn less: they are next.
    harness.fire();
    const second = draftIds(harness.batches[9]!);
    expect(second).toHaveLength(10 * 100 - 8 - bounds.windowWorkMax);
    expect(second.slice(0, 2).map((id) => id.split("-")[0])).toEqual(["0", "1"]);
  });

  it("[WP-10] makes a window larger when more connections receive it", () => {
    const client = new TestPartition().client("a");
    for (const [connections, room] of [
      [0, bounds.windowWorkMin],
      [10, bounds.windowWorkMin + 10 * bounds.windowWorkPerListener],
      [1_000, bounds.windowWorkMax],
    ] as const) {
      const harness = new Harness(undefined, connections);
      for (const at of range(1, 1_000)) harness.intake.offer(`c${at}`, work(client, `d${at}`), 100);
      harness.fire();
      expect(harness.batches[8]).toHaveLength(room);
    }
  });

  it("[WP-10] makes a window larger while nobody else uses the thread", () => {
    const client = new TestPartition().client("a");
    let alone = false;
    const harness = new Harness(undefined, 10, () => alone);
    for (const at of range(1, 1_000)) harness.intake.offer(`c${at}`, work(client, `d${at}`), 100);
    const taken = [false, true, false].map((is) => {
      alone = is;
      harness.fire();
      return harness.batches.at(-1)!.length;
    });
    const forListeners = 10 * bounds.windowWorkPerListener;
    const [shared, own] = [bounds.windowWorkMin + forListeners, bounds.windowWorkAloneMin + forListeners];
    expect(taken).toEqual([shared, own, shared]);
  });

  it("[BD-1] [WP-12] a window ends where its work is used up; the rest comes first in the next, in order", () => {
    const room = new TestPartition();
    const [a, b] = [room.client("a"), room.client("b")];
    const harness = new Harness((batch) => ({ done: Math.min(batch.length, 3), work: bounds.windowUnitsMax }), 10);
    for (const at of range(1, 5)) harness.intake.offer(a, work(a, `a${at}`), 100);
    for (const at of range(1, 5)) harness.intake.offer(b, work(b, `b${at}`), 100);
    while (harness.timer) harness.fire();
    expect(harness.batches.map(draftIds)).toEqual([["a1"], ["a2", "b1", "a3"], ["b2", "a4", "b3"], ["a5", "b4", "b5"]]);
  });

  it("[BD-1] [AU-6] a turn that has done its share decodes and decides nothing more, and others go on after it", () => {
    const client = new TestPartition().client("a");
    const harness = new Harness(() => ({ done: 1, work: bounds.turnWorkMax }));
    const read: number[] = [];
    for (const at of range(1, 3)) {
      harness.arrive(100, () => {
        read.push(at);
        return work(client, `d${at}`);
      });
    }
    expect([read, harness.batches.map(draftIds)]).toEqual([[1], [["d1"]]]);
    while (harness.timer) harness.fire();
    expect(harness.batches.map(draftIds)).toEqual([["d1"], ["d2"], ["d3"]]);
  });

  it("[BD-1] frames that are large are decoded over several turns", () => {
    const client = new TestPartition().client("a");
    const harness = new Harness();
    for (const at of range(1, 9)) harness.intake.offer(client, work(client, `d${at}`), 100);
    let read = 0;
    for (const _ of range(1, 12)) harness.arrive(bounds.frameBytesMax, () => void read++);
    const counts: number[] = [];
    while (harness.timer) {
      harness.fire();
      counts.push(read);
    }
    expect(counts.slice(0, 3)).toEqual([4, 8, 12]);
  });

  it("[WP-10] reads frames at once while it is quiet, and under load with their window, in order", () => {
    const client = new TestPartition().client("a");
    const harness = new Harness();
    const read: number[] = [];
    const arrive = (at: number) =>
      harness.arrive(100, () => {
        read.push(at);
        return work(client, `d${at}`);
      });
    for (const at of range(1, 9)) arrive(at);
    expect(read).toEqual(range(1, 9));
    for (const at of range(10, 20)) arrive(at);
    expect(read).toEqual(range(1, 9));
    expect(harness.batches).toHaveLength(8);
    harness.fire();
    expect(read).toEqual(range(1, 20));
    expect(draftIds(harness.batches[8]!)).toEqual(range(9, 20).map((at) => `d${at}`));
    // A frame that is unread under load has a window, and is read before its connection ends. Those of others wait.
    const ending = {
      read: () => {
        read.push(21);
        return work(client, "d21");
      },
      overflowed: () => {},
    };
    harness.intake.arrive(ending, "x", 0);
    expect(harness.timer).toBe(true);
    harness.intake.read({ ...ending });
    expect(read.at(-1)).toBe(20);
    harness.intake.read(ending);
    expect(read.at(-1)).toBe(21);
    harness.fire();
    expect(harness.timer).toBe(false);
    expect(draftIds(harness.batches[9]!)).toEqual(["d21"]);
  });

  describe("a window that is sent to many", () => {
    const client = new TestPartition().client("a");

    /** An intake under load; `arrive` has the next draft arrive, or `count` of them, at `now`. */
    function loaded(listeners: number) {
      const harness = new Harness(() => undefined, listeners);
      let drafts = 0;
      const next = () => work(client, `d${++drafts}`);
      for (const _ of range(1, 9)) harness.intake.offer({}, next(), 100);
      harness.fire();
      const before = harness.batches.length;
      const arrive = (now: number, count = 1) => {
        for (const _ of range(1, count)) harness.arrive(100, next, {}, now);
      };
      return { harness, arrive, done: () => harness.batches.slice(before).map(({ length }) => length) };
    }

    it("[WP-10] waits while frames are still coming in, and no longer", () => {
      const { harness, arrive, done } = loaded(1_000);
      arrive(100, 9);
      for (const now of [101, 102]) {
        harness.fire();
        expect(done()).toEqual([]);
        arrive(now);
      }
      harness.fire();
      // Nothing has come since.
      harness.fire();
      expect(done()).toEqual([11]);
      // The next one looks for itself.
      arrive(103);
      harness.fire();
      expect(done()).toEqual([11]);
      harness.fire();
      expect([done(), harness.timer]).toEqual([[11, 1], false]);
    });

    it("[WP-10] [BD-1] waits for as long as it takes to send, at most", () => {
      for (const [listeners, waitsMs] of [
        [1_000, 30],
        [100, 3],
        [30, 0],
      ] as const) {
        const { harness, arrive, done } = loaded(listeners);
        let now = 100;
        for (; done().length === 0; now++) {
          arrive(now);
          harness.fire();
        }
        expect([listeners, now - 1]).toEqual([listeners, 100 + waitsMs]);
        expect(done()).toEqual([waitsMs + 1]);
      }
    });

    it("[WP-10] does not wait once its events take as long as to send it", () => {
      const { harness, arrive, done } = loaded(200);
      arrive(100, 99);
      harness.fire();
      expect(done()).toEqual([]);
      arrive(101);
      harness.fire();
      expect(done()).toEqual([100]);
    });

    it("[WP-10] [MD-11] does not wait once it is full, nor where work waits already", () => {
      const { harness, arrive, done } = loaded(5_000);
      arrive(100, bounds.windowWorkMax + 20);
      harness.fire();
      expect(done()).toEqual([bounds.windowWorkMax]);
      arrive(100);
      harness.fire();
      expect(done()).toEqual([bounds.windowWorkMax, 21]);
    });
  });

  it("[WP-10] [LC-10] a frame that cannot be read affects neither the other frames nor the window", () => {
    const client = new TestPartition().client("a");
    const harness = new Harness();
    for (const at of range(1, 9)) harness.intake.offer(client, work(client, `d${at}`), 100);
    harness.arrive(100, () => {
      throw new Error("unreadable");
    });
    harness.arrive(100, () => work(client, "d10"));
    expect(() => harness.fire()).toThrow("unreadable");
    expect(draftIds(harness.batches[8]!)).toEqual(["d9", "d10"]);
    harness.intake.offer(client, work(client, "d11"), 100);
    harness.fire();
    expect(harness.batches.flatMap(draftIds)).toEqual(range(1, 11).map((at) => `d${at}`));
  });

  it("[WP-10] [LC-10] a message that cannot be read affects neither the others of its frame nor the window", () => {
    const client = new TestPartition().client("a");
    for (const before of [0, 9]) {
      const harness = new Harness();
      for (const at of range(1, before)) harness.intake.offer(client, work(client, `b${at}`), 100);
      const read = (frame: unknown) => {
        if (frame === "broken") throw new Error("unreadable");
        return work(client, frame as string);
      };
      const source = Object.assign(client, { read, overflowed: () => {} });
      const together = () => harness.intake.arriveTogether(source, ["d1", "broken", "d2"], 0);
      if (before === 0) expect(together).toThrow("unreadable");
      else {
        together();
        expect(() => harness.fire()).toThrow("unreadable");
      }
      expect(draftIds(harness.batches.at(-1)!).slice(-2)).toEqual(["d1", "d2"]);
    }
  });

  it("[LC-10] [MD-11] bounds the unread frames, in number and in bytes", () => {
    const client = new TestPartition().client("a");
    const harness = new Harness();
    for (const at of range(1, 9)) harness.intake.offer(client, work(client, `d${at}`), 100);
    let read = 0;
    const arrive = (bytes: number) =>
      harness.arrive(bytes, () => {
        read++;
        return undefined;
      });
    for (const _ of range(1, bounds.windowWorkMax - 1)) arrive(100);
    expect(read).toBe(0);
    // Some of them together, and not all: the turn in which a frame arrives is short, too.
    arrive(100);
    expect(read).toBe(64);
    harness.fire();
    expect(read).toBe(bounds.windowWorkMax);
    for (const _ of range(1, 4)) arrive(256 * 1024);
    expect(read).toBe(bounds.windowWorkMax);
    arrive(1);
    expect(read).toBe(bounds.windowWorkMax + 1);
  });

  it("[LC-10] [MD-11] is bounded: refuses drafts in order, and ends a connection that sends still more", () => {
    const room = new TestPartition();
    const client = room.client("a");
    const harness = new Harness((batch) => room.partition.process(batch, room.now));
    const most = bounds.queueWorkPerConnectionMax;
    for (const at of range(1, 8 + 2 * most))
      expect(harness.intake.offer(client, work(client, `d${at}`), 100)).toBe(true);
    expect(harness.intake.offer(client, work(client, "too-much"), 100)).toBe(false);
    while (harness.timer) harness.fire();
    const answers = client.frames
      .map((frame) => JSON.parse(frame) as Message)
      .filter(({ type }) => type !== "broadcast");
    const accepted = answers.filter(({ type }) => type === "event_accepted");
    expect(accepted).toHaveLength(8 + most);
    const refused = answers.filter(({ payload }) => payload.code === "overloaded");
    expect(refused).toHaveLength(most);
    expect(refused[0]).toMatchObject({
      payload: { draftId: `d${9 + most}`, retryable: true, status: 503, retryAfter: 1 },
    });
    // In the order of arrival, and refused until the first of them is sent again.
    expect(answers.slice(1).map(({ payload }) => payload.draftId)).toEqual(
      range(1, 8 + 2 * most).map((at) => `d${at}`),
    );
    expect(client.submit(`d${10 + most}`, "set", { target: "n", value: 0 }).payload.code).toBe("overloaded");
    expect(client.submit(`d${9 + most}`, "set", { target: "n", value: 0 }).type).toBe("event_accepted");
  });

  it("[LC-10] [BD-2] bounds what waits by what it takes in memory once it is decoded, not by its text", () => {
    const room = new TestPartition();
    const client = room.client("a");
    const harness = new Harness((batch) => room.partition.process(batch, room.now));
    // Most of this text is white space: it takes next to nothing.
    for (const at of range(1, 300)) harness.intake.offer(client, work(client, `d${at}`), 64 * 1024);
    while (harness.timer) harness.fire();
    expect(client.of("event_accepted")).toHaveLength(300);
    const heavy = JSON.stringify({
      id: "m",
      type: "submit_event",
      timestamp: 0,
      payload: {
        draftId: "h",
        event: { type: "set", payload: { target: "h", value: { a: Array.from({ length: 21_500 }, () => ({})) } } },
      },
    });
    expect(heavy.length).toBeLessThan(bounds.frameBytesMax);
    const take = (frame: string) =>
      harness.intake.offer(
        client,
        { session: client.session, command: room.codec.decode(frame) as Command },
        frame.length,
      );
    for (const at of range(1, 9)) harness.intake.offer(client, work(client, `e${at}`), 100);
    for (const at of range(1, 20)) take(heavy.replace('"h"', `"h${at}"`));
    while (harness.timer) harness.fire();
    const decided = new Set(client.of("event_accepted").map(({ payload }: Message) => payload.draftId as string));
    const most = Math.floor(bounds.queueBytesMax / weightOf(Array.from({ length: 21_500 }, () => ({}))));
    expect(most).toBeLessThan(8);
    expect([...decided].filter((id) => id.startsWith("h"))).toEqual(range(1, most).map((at) => `h${at}`));
    const errors = client.of("error");
    expect(errors).toHaveLength(20 - most);
    expect(errors.every(({ payload }: Message) => payload.code === "overloaded")).toBe(true);
  });

  it("[LC-10] [BD-2] weighs no more of what waits than makes room, the newest first", () => {
    const client = new TestPartition().client("a");
    const harness = new Harness();
    const weighed: string[] = [];
    const watched = (draftId: string): Work => {
      const { submission } = (work(client, draftId) as { command: { submission: ReturnType<typeof single> } }).command;
      const { drafts } = submission;
      Object.defineProperty(submission, "drafts", { get: () => (weighed.push(draftId), drafts) });
      return { session: client.session, command: { kind: "submit", requestId: "r", submission } };
    };
    const units = 400;
    const estimated = Math.floor(bounds.queueBytesMax / (units * bounds.decodedBytesPerUnitMax));
    for (const at of range(1, 8 + estimated + 100)) harness.intake.offer(client, watched(`d${at}`), units);
    expect(weighed.length).toBeGreaterThan(100);
    expect(weighed.length).toBeLessThan(estimated / 2);
    expect(weighed).not.toContain("d9");
    expect(new Set(weighed).size).toBe(weighed.length);
  });
});

describe("a window", () => {
  const window = (room: TestPartition, ...batch: Work[]) => room.partition.process(batch, room.now);

  it("[WP-10] [TX-1] is one transaction, with a verdict for each draft", () => {
    let commits = 0;
    class Counting extends NodeSqlDriver {
      override transaction<T>(body: () => T): T {
        commits++;
        return super.transaction(body);
      }
    }
    const room = new TestPartition({ driver: new Counting() });
    const [a, b] = [room.client("a"), room.client("b")];
    a.submit("first", "set", { target: "n", value: 0 });
    commits = 0;
    const before = a.frames.length;
    window(room, work(a, "d1"), work(b, "d2"), work(a, "d1"), work(a, "d3"));
    expect(commits).toBe(1);
    const messages = a.frames.slice(before).map((frame) => JSON.parse(frame) as Message);
    expect(messages.map(({ id }) => id)).toEqual(["a-2", "a-2", "a-4", "b-2", "b-3", "b-4"]);
  });

  it("[BD-1] [TX-1] does work until that is used up, one piece at least, and the answers are the same", () => {
    const run = (workMax: number) => {
      const room = new TestPartition();
      const [a, b] = [room.client("a"), room.client("b")];
      const list = Array.from({ length: 2_000 }, (_, at) => at);
      a.submit("list", "set", { target: "list", value: list });
      let batch = range(1, 12).map((at) => work(at % 3 === 0 ? b : a, `d${at % 10}`));
      const windows: number[] = [];
      while (batch.length > 0) {
        const { done } = room.partition.process(batch, room.now, workMax);
        windows.push(done);
        batch = batch.slice(done);
      }
      const types = [a, b].map(({ frames }) => frames.filter((frame) => !frame.includes('"broadcast"')));
      return { windows, types };
    };
    const whole = run(Number.POSITIVE_INFINITY);
    expect(whole.windows).toEqual([12]);
    expect(run(0)).toEqual({ ...whole, windows: Array(12).fill(1) });
    const parts = run(100);
    expect(parts.windows.length).toBeGreaterThan(2);
    expect(parts.types).toEqual(whole.types);
  });

  it("[BD-1] a window that has failed does no more than its work at once, either", () => {
    class Failing extends NodeSqlDriver {
      override wrote(...parameters: Parameters<NodeSqlDriver["wrote"]>) {
        if (parameters.some((value) => String(value).includes("poison"))) throw new Error("no");
        return super.wrote(...parameters);
      }
    }
    const room = new TestPartition({ driver: new Failing() });
    const a = room.client("a");
    const batch = [work(a, "poison"), ...range(1, 5).map((at) => work(a, `d${at}`))];
    expect(room.partition.process(batch, room.now, 1).done).toBe(1);
    expect(a.of("error").map(({ payload }: Message) => payload.draftId)).toEqual(["poison"]);
  });

  it("[WP-10] sends one frame to clients that accept arrays, with the same text for all that only receive", () => {
    const room = new TestPartition();
    const a = room.client("a", { frames: "array" });
    const listeners = [1, 2, 3].map((at) => room.client(`l${at}`, { frames: "array" }));
    const plain = room.client("plain");
    for (const connection of [a, plain, ...listeners]) connection.frames.length = 0;
    window(room, work(a, "d1"), work(a, "d2"));
    expect(a.frames).toHaveLength(1);
    expect((JSON.parse(a.frames[0]!) as Message[]).map(({ id }) => id)).toEqual(["a-1", "a-2", "b-1", "b-2"]);
    for (const { frames } of listeners) expect(frames).toEqual(listeners[0]!.frames);
    expect(plain.frames.map((frame) => (JSON.parse(frame) as Message).id)).toEqual(["b-1", "b-2"]);
    // Each message in an array is, byte for byte, the message by itself.
    expect(listeners[0]!.frames[0]).toBe(`[${plain.frames.join(",")}]`);
    // One message needs no array.
    window(room, work(plain, "d3"));
    expect((JSON.parse(listeners[0]!.frames[1]!) as Message).id).toBe("b-3");
  });

  it("[WP-5] with echo: false, an own event is sent as its acceptance only, without a broadcast", () => {
    const room = new TestPartition();
    const a = room.client("a", { echo: false });
    const b = room.client("b");
    a.frames.length = 0;
    window(room, work(a, "d1"), work(b, "d2"), work(a, "d3"));
    expect(a.frames.map((frame) => (JSON.parse(frame) as Message).id)).toEqual(["a-1", "a-3", "b-2"]);
    window(room, work(b, "d4"));
    expect((JSON.parse(a.frames.at(-1)!) as Message).id).toBe("b-4");
  });

  it("[WP-10] splits frames at their bound", () => {
    const room = new TestPartition();
    const a = room.client("a", { frames: "array" });
    a.frames.length = 0;
    const large = (draftId: string): Work => ({
      session: a.session,
      command: {
        kind: "submit",
        requestId: "r",
        submission: single({
          draftId,
          event: { type: "set", payload: { target: "n", value: "x".repeat(60_000) } },
          expectedEventId: undefined,
        }),
      },
    });
    window(room, ...range(1, 30).map((at) => large(`d${at}`)));
    expect(a.frames.length).toBeGreaterThan(1);
    for (const frame of a.frames) expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(bounds.sentFrameBytesMax);
    expect(a.frames.flatMap((frame) => [JSON.parse(frame) as Message].flat()).map(({ id }) => id)).toEqual([
      ...range(1, 30).map((at) => `a-${at}`),
      ...range(1, 30).map((at) => `b-${at}`),
    ]);
  });

  it("[TX-3] [ID-12] one command that fails does not affect the others", () => {
    class Failing extends NodeSqlDriver {
      override wrote(...parameters: Parameters<NodeSqlDriver["wrote"]>) {
        if (parameters.some((value) => String(value).includes("poison"))) throw new Error("no");
        return super.wrote(...parameters);
      }
    }
    const room = new TestPartition({ driver: new Failing() });
    const [a, b] = [room.client("a"), room.client("b")];
    const late = room.open();
    const connect = room.codec.decode(
      '{"id":"c","type":"connect","timestamp":1,"payload":{"clientId":"late","version":"1"}}',
    ) as Command;
    window(
      room,
      work(a, "d1"),
      { session: late.session, command: connect },
      work(b, "poison"),
      work(a, "d2"),
      work(b, "d3"),
    );
    expect(a.of("event_accepted").map(({ payload }: Message) => payload.eventId)).toEqual([1, 2]);
    // The other commands of the window took effect once: this connect was not undone and then found done.
    expect(late.frames.map((frame) => (JSON.parse(frame) as Message).type)).toEqual(["connected", "broadcast"]);
    // b waits for its refused draft, so that its order is kept.
    expect(b.of("error").map(({ payload }: Message) => [payload.draftId, payload.code])).toEqual([
      ["poison", "storage_unavailable"],
      ["d3", "storage_unavailable"],
    ]);
    expect(b.of("broadcast").map(({ payload }: Message) => payload.eventId)).toEqual([1, 2]);
  });

  it("[WP-12] [ID-12] answers once what could not even be begun", () => {
    let broken = false;
    class Failing extends NodeSqlDriver {
      override query(...parameters: Parameters<NodeSqlDriver["query"]>) {
        if (broken) throw new Error("no");
        return super.query(...parameters);
      }
      override transaction<T>(body: () => T): T {
        if (broken) throw new Error("no");
        return super.transaction(body);
      }
    }
    const room = new TestPartition({ driver: new Failing() });
    const a = room.client("a");
    broken = true;
    for (const draftId of ["d1", "d2"]) {
      expect(room.partition.process([work(a, draftId)], room.now, 1)).toMatchObject({ done: 1 });
      expect(a.of("error").at(-1).payload).toMatchObject({ draftId, code: "storage_unavailable" });
    }
  });

  it("[TX-5] [ID-12] sends nothing of a window whose commit failed, and sends its events later if it was committed after all", () => {
    class Failing extends NodeSqlDriver {
      fail: "before" | "after" | undefined;
      override transaction<T>(body: () => T): T {
        if (this.fail === "before") throw new Error("no");
        const result = super.transaction(body);
        if (this.fail === "after") throw new Error("fsync");
        return result;
      }
    }
    for (const fail of ["before", "after"] as const) {
      const driver = new Failing();
      const room = new TestPartition({ driver });
      const [a, b] = [room.client("a"), room.client("b")];
      window(room, work(a, "d1"));
      driver.fail = fail;
      window(room, work(a, "d2"), work(a, "d3"), work(b, "d4"));
      expect(a.of("event_accepted")).toHaveLength(1);
      expect(b.of("broadcast")).toHaveLength(1);
      expect(a.of("error").map(({ payload }: Message) => payload.draftId)).toEqual(["d2", "d3"]);
      driver.fail = undefined;
      window(room, work(a, "d2"), work(a, "d3"), work(b, "d4"), work(b, "d5"));
      expect(a.of("event_accepted").map(({ payload }: Message) => payload.draftId)).toEqual(["d1", "d2", "d3"]);
      const ids = b.of("broadcast").map(({ payload }: Message) => payload.eventId);
      expect(ids).toEqual(range(1, ids.length));
      expect(ids).toHaveLength(5);
    }
  });

  it("[TX-5] a window whose commit was in doubt: all its verdicts are sent before any of its events", () => {
    class Failing extends NodeSqlDriver {
      doubt = false;
      override transaction<T>(body: () => T): T {
        const result = super.transaction(body);
        if (!this.doubt) return result;
        this.doubt = false;
        throw new Error("fsync");
      }
    }
    const driver = new Failing();
    const room = new TestPartition({ driver });
    const a = room.client("a");
    window(room, work(a, "d1"));
    driver.doubt = true;
    window(room, work(a, "d2"), work(a, "d3"));
    expect(a.frames.slice(3).map((frame) => (JSON.parse(frame) as Message).type)).toEqual([
      "event_accepted",
      "event_accepted",
      "broadcast",
      "broadcast",
    ]);
  });

  it("[WP-5] [LC-1] a commit in doubt, then no storage, then hibernation: live connections finally receive everything", () => {
    class Failing extends NodeSqlDriver {
      doubt = false;
      dead = false;
      override query(...parameters: Parameters<NodeSqlDriver["query"]>) {
        if (this.dead) throw new Error("dead");
        return super.query(...parameters);
      }
      override transaction<T>(body: () => T): T {
        const result = super.transaction(body);
        if (!this.doubt) return result;
        this.dead = true;
        throw new Error("fsync");
      }
    }
    const driver = new Failing();
    const room = new TestPartition({ driver });
    const [a, b] = [room.client("a"), room.client("b")];
    window(room, work(a, "d1"));
    driver.doubt = true;
    window(room, work(a, "d2"));
    expect(a.of("error")).toHaveLength(1);
    driver.doubt = driver.dead = false;
    room.restart();
    const [a2, b2] = [room.attach(a.saved), room.attach(b.saved)];
    window(room, work(a2, "d2"), work(b2, "d3"));
    const receivedIds = (connection: TestConnection) =>
      connection.of("broadcast").map(({ payload }: Message) => payload.eventId);
    expect([receivedIds(a), receivedIds(b)]).toEqual([[1], [1]]);
    expect([receivedIds(a2), receivedIds(b2)]).toEqual([
      [2, 3],
      [2, 3],
    ]);
    expect(a2.saved.told).toBeUndefined();
  });

  it("[WP-5] [WP-6] with any windows, each connection receives a contiguous run, by pages and broadcasts", () => {
    type Step = { who: number; what: "submit" | "sync" | "connect"; back: number };
    const step: fc.Arbitrary<Step> = fc.record({
      who: fc.nat(3),
      what: fc.constantFrom("submit", "submit", "submit", "sync", "connect"),
      back: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { maxLength: 12 }), (windows) => {
        const room = new TestPartition();
        const clients = range(0, 3).map(() => ({ connection: room.open(), cursor: 0, asked: 0 }));
        let drafts = 0;
        for (const steps of windows) {
          room.partition.process(
            steps.map(({ who, what, back }): Work => {
              const { connection, cursor } = clients[who]!;
              if (what === "submit") return work(connection, `d${drafts++}`);
              const requestId = `q${drafts++}`;
              if (what === "sync") {
                const sinceEventId = Math.max(cursor - back, 0);
                return {
                  session: connection.session,
                  command: { kind: "sync", requestId, partition: undefined, sinceEventId, proof: undefined, limit: 2 },
                };
              }
              return {
                session: connection.session,
                command: {
                  kind: "connect",
                  requestId,
                  clientId: `c${who}`,
                  partition: undefined,
                  model: undefined,
                  modelVersion: undefined,
                  otherModel: false,
                  initialState: false,
                  stateChunks: false,
                  credit: undefined,
                  sinceEventId: undefined,
                  proof: undefined,
                  echo: true,
                  wire: who % 2 === 0 ? { arrays: true } : undefined,
                  draftIds: false,
                  presence: false,
                  presenceRefusals: false,
                  replaces: undefined,
                  probes: false,
                  authors: false,
                  author: undefined,
                },
              };
            }),
            room.now,
          );
          for (const client of clients) {
            for (const message of client.connection.frames
              .splice(0)
              .flatMap((frame) => [JSON.parse(frame) as Message].flat())) {
              if (message.type === "connected") client.cursor = message.payload.currentEventIndex;
              else if (message.type === "broadcast") expect(message.payload.eventId).toBe(++client.cursor);
              else if (message.type === "sync_response") {
                const { events, nextSinceEventId } = message.payload;
                client.cursor = nextSinceEventId - events.length;
                for (const { eventId } of events) expect(eventId).toBe(++client.cursor);
              }
            }
            if (client.connection.session.live) {
              expect(client.cursor).toBe(room.partition.events(0, 1, room.now).currentEventIndex);
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("credit", () => {
  const large = (a: TestConnection, draftId: string) =>
    a.submit(draftId, "set", { target: "n", value: "x".repeat(20_000) });
  const types = (connection: TestConnection) =>
    connection.frames.splice(0).map((frame) => {
      const { type, payload } = JSON.parse(frame) as Message;
      return type === "head" ? `head ${payload.currentEventIndex}` : `${type} ${payload.eventId ?? ""}`.trim();
    });

  it("[LC-7] stops broadcasts beyond it, sends one head message, and continues after a pull", () => {
    const room = new TestPartition();
    const writer = room.client("writer");
    const reader = room.client("reader", { credit: 64 * 1024 });
    reader.frames.length = 0;
    for (const at of range(1, 6)) large(writer, `d${at}`);
    // Three events fit into 64 KiB.
    expect(types(reader)).toEqual(["broadcast 1", "broadcast 2", "broadcast 3", "head 4"]);
    expect(reader.saved.behind).toBe(3);
    const [page] = reader.send("sync", { sinceEventId: 3 });
    expect(page.payload.events.map(({ eventId }: Message) => eventId)).toEqual([4, 5, 6]);
    reader.frames.length = 0;
    // The pull has acknowledged what came before.
    for (const at of range(7, 10)) large(writer, `d${at}`);
    expect(types(reader)).toEqual(["broadcast 7", "broadcast 8", "broadcast 9", "head 10"]);
  });

  it("[LC-7] an acknowledgement returns credit, and verdicts need none", () => {
    const room = new TestPartition();
    const writer = room.client("writer");
    const reader = room.client("reader", { credit: 64 * 1024 });
    for (const at of range(1, 9)) {
      large(writer, `d${at}`);
      expect(reader.send("ack", { eventId: at })).toEqual([]);
    }
    expect(reader.of("broadcast")).toHaveLength(9);
    for (const at of range(10, 13)) large(writer, `d${at}`);
    expect(reader.of("head")).toHaveLength(1);
    expect(large(reader, "own")).toMatchObject({ type: "event_accepted", payload: { eventId: 14 } });
    expect(reader.of("head")).toHaveLength(1);
  });

  it("[LC-7] [TX-6] never splits an atomic batch", () => {
    const room = new TestPartition();
    const writer = room.client("writer");
    const reader = room.client("reader", { credit: 64 * 1024 });
    reader.frames.length = 0;
    const set = (draftId: string) => ({
      draftId,
      event: { type: "set", payload: { target: "n", value: "x".repeat(20_000) } },
    });
    large(writer, "d1");
    large(writer, "d2");
    writer.send("submit_events", { batchId: "B", mode: "atomic", events: [set("m1"), set("m2")] });
    expect(types(reader)).toEqual(["broadcast 1", "broadcast 2", "head 4"]);
  });

  it("[MD-11] sends the limits to clients that ask for them", () => {
    const { payload } = new TestPartition().client("a", { limits: true }).of("connected")[0];
    expect(payload.limits).toMatchObject({
      frameBytesMax: 65_536,
      batchEventsMax: 256,
      rejectionRetentionMs: 30 * 86_400_000,
    });
  });

  it.each([0, 1, 64 * 1024 - 1, 16 * 1024 * 1024 + 1, "x"])("[MD-11] refuses a credit of %j", (credit) => {
    const [answer] = new TestPartition().open().connect("a", { credit });
    expect(answer.payload).toMatchObject({ code: "bad_request", errors: [{ field: "payload.credit" }] });
  });
});
