import { describe, expect, it } from "vitest";
import type { Subject } from "../../src/identity/verify.ts";
import { type Author, bounds } from "../../src/protocol/index.ts";
import type { Message } from "../support/partition.ts";
import { generousTenant, type ShellConnection, TestShell, turn } from "../support/shell.ts";

const alice: Author = { principal: "alice", permissions: "all" };
const bob: Author = { principal: "bob", permissions: "all" };
const parts = 40;
const text = "x".repeat(20_000);
const full = Object.fromEntries(Array.from({ length: parts }, (_, at) => [`p${at}`, text]));

type Options = ConstructorParameters<typeof TestShell>[0];

/** A shell whose timers come one at a time. */
class SteppedShell {
  readonly room: TestShell;
  readonly #due: (() => void)[] = [];
  #drafts = 0;
  #writer: ShellConnection | undefined;

  constructor(options: Options = {}) {
    const timer = (run: () => void) => {
      this.#due.push(run);
      return () => void this.#due.splice(this.#due.indexOf(run), 1);
    };
    const clock = {
      now: () => 1_700_000_000_000,
      timer: (run: () => void, delayMs: number) => (delayMs === 0 ? timer(run) : () => {}),
      afterIo: (run: () => void) => void timer(run),
    };
    this.room = new TestShell({ ...options, clock });
  }

  /** Lets the next turn come. False: there is none. */
  async step(): Promise<boolean> {
    await turn();
    const run = this.#due.shift();
    run?.();
    await turn();
    return run !== undefined;
  }

  /** Runs turns until the connection has something, `between` them. Returns how many it took. */
  async until(reader: ShellConnection, between = () => {}): Promise<number> {
    for (let turns = 0; ; turns++) {
      if (reader.frames.length > 0) return turns;
      between();
      if (!(await this.step()) && reader.frames.length === 0) throw new Error("no answer");
    }
  }

  async settle(): Promise<void> {
    while (await this.step());
  }

  async fill(): Promise<void> {
    this.#writer = await this.room.open(alice);
    this.#writer.send("connect", { clientId: "writer", version: "1" });
    for (let at = 0; at < parts; at++) this.set(`p${at}`, text);
    await this.settle();
  }

  set(target: string, value: unknown): void {
    const event = { type: "set", payload: { target, value } };
    this.#writer!.send("submit_event", { draftId: `d${++this.#drafts}`, event });
  }

  async connect(who: Author | undefined, more: object = {}): Promise<ShellConnection> {
    const reader = await this.room.open(who, who === undefined && "token" in more);
    reader.send("connect", { clientId: "reader", version: "1", initialState: true, ...more });
    return reader;
  }
}

async function large(options: Options = {}): Promise<SteppedShell> {
  const shell = new SteppedShell(options);
  await shell.fill();
  return shell;
}

/** What a reader has: the state that `connected` brought, and the broadcasts after it, which must be contiguous. */
function stateOf(messages: readonly Message[]): { state: object; head: number } {
  const [connected, ...rest] = messages;
  expect(connected.type).toBe("connected");
  const state = { ...connected.payload.initialState };
  let head = connected.payload.currentEventIndex as number;
  for (const { type, payload } of rest) {
    expect(type).toBe("broadcast");
    expect(payload.eventId).toBe(++head);
    state[payload.event.payload.target] = payload.event.payload.value;
  }
  return { state, head };
}

describe("a large state in one message", () => {
  it("[BD-1] [BD-8] is made in turns; what is committed meanwhile is broadcast after it, without a hole", async () => {
    const shell = await large();
    const reader = await shell.connect(bob);
    expect(reader.frames).toHaveLength(0);
    let written = 0;
    const turns = await shell.until(reader, () => shell.set("n", ++written));
    await shell.settle();
    // A piece of 64 Ki in a turn.
    expect(turns).toBeGreaterThan((parts * text.length) / 65_536 / 2);
    expect(written).toBeGreaterThan(3);
    const [connected] = reader.messages;
    expect(connected.payload.currentEventIndex).toBeLessThan(parts + written);
    expect(stateOf(reader.messages)).toEqual({ state: { ...full, n: written }, head: parts + written });
    shell.set("n", "later");
    await shell.settle();
    expect(stateOf(reader.messages)).toEqual({ state: { ...full, n: "later" }, head: parts + written + 1 });
  });

  it("[BD-8] is made once for those who ask for it within a few events, and its frames stay in order", async () => {
    const shell = await large();
    const first = await shell.connect(bob);
    const second = await shell.connect(bob);
    second.send("heartbeat", {});
    await shell.until(first);
    shell.set("n", 1);
    await shell.settle();
    expect(second.messages.map(({ type }) => type).toSorted()).toEqual(["broadcast", "connected", "heartbeat"]);
    expect(second.messages[0].type).toBe("connected");
    const third = await shell.connect(bob);
    expect(await shell.until(third)).toBeLessThan(4);
    await shell.settle();
    for (const reader of [first, third]) expect(stateOf(reader.messages).state).toEqual({ ...full, n: 1 });
  });

  it("[BD-8] is made again where too much was committed meanwhile", async () => {
    const shell = await large();
    const reader = await shell.connect(bob);
    let at = 0;
    await shell.until(reader, () => {
      if (++at <= 8) shell.set("more", `${at}${"y".repeat(bounds.missedBytesMax / 6)}`);
    });
    await shell.settle();
    const { state, head } = stateOf(reader.messages);
    expect(head).toBe(parts + 8);
    expect(reader.messages[0].payload.currentEventIndex).toBe(head);
    expect(state).toEqual({ ...full, more: `8${"y".repeat(bounds.missedBytesMax / 6)}` });
  });

  it("[BD-8] [AU-2] is made in turns for a token in connect, too", async () => {
    const verify = async (): Promise<Subject> => ({
      principal: "bob",
      tenant: "default",
      partitions: ["*"],
      permissions: ["read"],
      roles: [],
      expiresAt: 1_800_000_000_000,
      issuedAt: undefined,
      jti: undefined,
    });
    const shell = await large({ tenant: generousTenant, verify });
    const reader = await shell.connect(undefined, { token: "t" });
    expect(await shell.until(reader)).toBeGreaterThan(3);
    expect(stateOf(reader.messages).state).toEqual(full);
  });

  it("[BD-5] is not made for a principal that is over its rate of reads", async () => {
    const shell = await large({ limits: { reads: { perSecond: 1, burst: 2 } } });
    await shell.until(await shell.connect(bob));
    for (let at = 0; at < 5; at++) shell.set("more", `${at}${"y".repeat(bounds.missedBytesMax / 6)}`);
    await shell.settle();
    const reader = await shell.connect(bob);
    expect(await shell.until(reader)).toBeLessThan(3);
    expect(reader.messages).toMatchObject([{ type: "error", payload: { code: "rate_limited" } }]);
  });
});

describe("the first frame of a connection", () => {
  it("[BD-1] is refused unread where it is larger than any connect", async () => {
    const nobody = await new SteppedShell().room.open(undefined);
    const wide = `{"a":1,"a":1,"wide":"${"x".repeat(bounds.firstFrameBytesMax)}"}`;
    nobody.raw(wide);
    nobody.send("connect", { clientId: "c", version: "1", note: "x".repeat(9_000) });
    nobody.raw(wide);
    const answers = nobody.messages.map(({ type, payload }) => payload.code ?? type);
    expect(answers).toEqual(["not_connected", "connected", "bad_request"]);
  });
});
