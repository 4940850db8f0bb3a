import { describe, expect, it } from "vitest";
import { single } from "../../src/core/index.ts";
import type { Author } from "../../src/protocol/index.ts";
import { bounds } from "../../src/protocol/index.ts";
import { Schedule } from "../simulation/schedule.ts";
import { ClampedClock } from "../support/clamped-clock.ts";
import type { Message } from "../support/partition.ts";
import { type ShellConnection, TestShell, turn } from "../support/shell.ts";

const floodMs = 60_000;
/** Drafts that the flood has in flight: some windows full, so that there is always one that waits. */
const inFlight = 300;
/** What a turn takes whose window has the largest size, and how long a commit is on its way to the disk, in milliseconds. */
const turnMs = 16;
const commitMs = 10;
const lineMs = 1;
const rate = { perSecond: 20, burst: 400 };

/** A partition under a flood of drafts, on a clock that is never later than the next timer. */
class Flood {
  readonly #schedule = new Schedule();
  readonly #clock = new ClampedClock(
    { now: () => this.#schedule.now, after: (delayMs, run) => this.#schedule.after(delayMs, run) },
    turnMs,
  );
  readonly room = new TestShell({
    limits: { principal: rate },
    clock: {
      now: () => this.#schedule.epochNow - this.#clock.lagMs,
      timer: (run, delayMs) => this.#clock.timer(run, delayMs),
      afterIo: (run) => this.#arrive(commitMs, run),
    },
  });
  /** The most that the clock was behind, in milliseconds. */
  lagMsMax = 0;
  accepted = 0;
  #connection!: ShellConnection;
  #read = 0;

  async begin(): Promise<void> {
    this.#connection = await this.connect({ principal: "flood", permissions: "all" });
    for (let at = 0; at < inFlight; at++) this.#submit(`d${at}`);
  }

  /** A connection of this author. */
  async connect(author: Author, more: object = {}): Promise<ShellConnection> {
    const connection = await this.room.open(author);
    connection.send("connect", { clientId: author.principal, version: "0.0.8", ...more });
    return connection;
  }

  /** The time of a correct clock, `ms` from the beginning. */
  at(ms: number): number {
    return this.#schedule.epochNow - this.#schedule.now + ms;
  }

  /** Sends something `ms` after the beginning. */
  send(ms: number, connection: ShellConnection, type: string, payload: object): void {
    this.#arrive(ms - this.#schedule.now, () => connection.send(type, payload));
  }

  /** Runs until `ms` after the beginning. */
  async until(ms: number): Promise<void> {
    while (this.#schedule.now < ms) {
      this.#schedule.step();
      this.lagMsMax = Math.max(this.lagMsMax, this.#clock.lagMs);
      const { frames } = this.#connection;
      for (; this.#read < frames.length; this.#read++) this.#answered(JSON.parse(frames[this.#read]!) as Message);
      if (this.#schedule.now % 500 === 0) await turn();
    }
  }

  #arrive(delayMs: number, run: () => void): void {
    this.#schedule.after(delayMs, () => {
      this.#clock.enter();
      run();
    });
  }

  #submit(draftId: string): void {
    const event = { type: "set", payload: { target: "n", value: draftId } };
    this.#arrive(lineMs, () => this.#connection.send("submit_event", { draftId, event }));
  }

  /** It sends what was refused again, and something new for what was accepted. */
  #answered({ type, payload }: Message): void {
    if (type === "error") this.#submit(payload.draftId);
    if (type !== "event_accepted") return;
    this.accepted++;
    this.#submit(`n${this.accepted}`);
  }
}

const codes = ({ messages }: ShellConnection) =>
  messages.filter(({ type }) => type === "error").map(({ payload }) => payload.code);

describe("a flood of 60 s, where a chain of timers stops the clock", () => {
  it("[AU-5] [AU-4] [CL-8] refills buckets, refuses an expired token, and runs timers", async () => {
    const flood = new Flood();
    await flood.begin();
    const expiresAt = flood.at(floodMs / 2);
    const expiring = await flood.connect({ principal: "expiring", permissions: "all", expiresAt });
    const seen = await flood.connect({ principal: "seen", permissions: "all" }, { presence: true });
    const seeing = await flood.connect({ principal: "seeing", permissions: "all" }, { presence: true });
    const draft = { draftId: "late", event: { type: "set", payload: { target: "late", value: 1 } } };
    flood.send(floodMs / 2 + 1_000, expiring, "submit_event", draft);
    flood.send(floodMs / 2, seen, "presence", { state: { cursor: 1 } });
    await flood.until(floodMs / 2 + 2_000);
    expect(codes(expiring)).toEqual(["auth_expired"]);
    const peers = seeing.messages.filter(({ type }) => type === "presence").flatMap(({ payload }) => payload.peers);
    expect(peers.map(({ clientId }: { clientId: string }) => clientId)).toEqual(["seen"]);
    await flood.until(floodMs);
    const most = rate.burst + (rate.perSecond * floodMs) / 1_000;
    expect(flood.accepted).toBeGreaterThan(0.97 * most);
    expect(flood.accepted).toBeLessThanOrEqual(most);
    expect(flood.lagMsMax).toBeLessThan((bounds.chainedTurnsMax + 3) * turnMs);
  });
});

describe("a long log that is folded, where a chain of timers stops the clock", () => {
  it("[LC-5] [AU-5] is folded and stored while the clock goes on", async () => {
    const author: Author = { principal: "alice", permissions: "all" };
    const before = new TestShell();
    for (let at = 0; at < 100; at++) {
      const event = { type: "set", payload: { target: `n${at}`, value: at } };
      await before.submit(author, single({ draftId: `d${at}`, event, expectedEventId: undefined }));
    }
    const schedule = new Schedule();
    const real = { now: () => schedule.now, after: (ms: number, run: () => void) => schedule.after(ms, run) };
    const clock = new ClampedClock(real, turnMs);
    const slice = { events: 1, bytes: 1_000_000, work: 1_000_000 };
    const room = new TestShell({
      driver: before.driver,
      folding: { load: slice, turn: slice, slicesMax: 1_000 },
      clock: {
        now: () => schedule.epochNow - clock.lagMs,
        timer: (run, delayMs) => clock.timer(run, delayMs),
        afterIo: (run) => {
          schedule.after(commitMs, () => {
            clock.enter();
            run();
          });
        },
      },
    });
    const isFolded = room.alarm().then(() => true);
    let lagMsMax = 0;
    for (let steps = 0; steps < 1_000; steps++) {
      schedule.step();
      lagMsMax = Math.max(lagMsMax, clock.lagMs);
      await turn();
    }
    expect(await isFolded).toBe(true);
    expect(room.driver.query("SELECT event_id FROM snapshots")).toEqual([{ event_id: 100 }]);
    expect(lagMsMax).toBeLessThan((bounds.chainedTurnsMax + 3) * turnMs);
  });
});
