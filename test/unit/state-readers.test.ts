import { describe, expect, it } from "vitest";
import { WeighedState } from "../../src/model/weighed-state.ts";
import { bounds, type Json } from "../../src/protocol/index.ts";
import type { StreamWriter } from "../../src/shell/event-sink.ts";
import { StateReaders } from "../../src/shell/state-readers.ts";
import { turn } from "../support/shell.ts";
import { testTurns } from "../support/turns.ts";

/** A body whose reader takes a piece when the test says so. */
class Body implements StreamWriter {
  text = "";
  ended: "closed" | "aborted" | undefined;
  readonly closed = new Promise(() => {});
  #take: (() => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#take = () => {
        this.text += new TextDecoder().decode(bytes);
        resolve();
      };
    });
  }

  async close(): Promise<void> {
    this.ended = "closed";
  }

  async abort(): Promise<void> {
    this.ended = "aborted";
    this.#fail?.(new Error("aborted"));
  }

  async take(): Promise<void> {
    this.#take?.();
    this.#take = undefined;
    for (let turns = 0; turns < 3; turns++) await turn();
  }
}

function world() {
  const bodies: Body[] = [];
  const timers = new Set<() => void>();
  const readers = new StateReaders(
    {
      openBody: () => {
        const body = new Body();
        bodies.push(body);
        return { readable: new ReadableStream<Uint8Array>(), writer: body };
      },
      now: () => 0,
      timer: (run) => {
        timers.add(run);
        return () => void timers.delete(run);
      },
    },
    testTurns((next) => void setImmediate(next)),
  );
  const state = new WeighedState<Record<string, Json>>({
    list: Array.from({ length: 20_000 }, (_, at) => ({ id: `node-${at}` })),
  });
  const read = () => readers.answer({ state: state.view(), eventIndex: 7 }, '"tag"');
  return { bodies, timers, state, read };
}

describe("a large state over HTTP", () => {
  it("[BD-3] [TX-9] is made at the pace of its reader, and is the state of one moment", async () => {
    const { bodies, state, read } = world();
    const expected = `{"state":${state.stringify()},"eventIndex":7}`;
    expect(read()).toMatchObject({ status: 200, headers: { etag: '"tag"', "content-type": "application/json" } });
    const [body] = bodies as [Body];
    for (let at = 0; body.ended === undefined; at++) {
      state.replay((draft) => {
        (draft["list"] as Json[])[at * 100] = `changed ${at}`;
        (draft["list"] as Json[]).splice(at * 7, 5, { id: "new" });
      });
      await body.take();
    }
    expect(body.ended).toBe("closed");
    expect(body.text).toBe(expected);
  });

  it("[BD-3] a small one is answered at once", () => {
    const { read, state, bodies } = world();
    state.replay((draft) => void (draft["list"] = []));
    expect(read().body).toBe('{"state":{"list":[]},"eventIndex":7}');
    expect(bodies).toEqual([]);
  });

  it("[BD-2] [LC-10] a bounded number is read at once, and a reader that is gone makes room", async () => {
    const { read, bodies, timers } = world();
    for (let at = 0; at < bounds.stateReadersMax; at++) read();
    expect(read).toThrow(expect.objectContaining({ failure: expect.objectContaining({ code: "overloaded" }) }));
    expect(bodies).toHaveLength(bounds.stateReadersMax);
    // One of them takes nothing for too long.
    [...timers][0]!();
    for (let turns = 0; turns < 3; turns++) await turn();
    expect(bodies[0]!.ended).toBe("aborted");
    read();
    expect(bodies).toHaveLength(bounds.stateReadersMax + 1);
  });

  it("[BD-2] ends, and not with valid JSON, when the state has changed too much", async () => {
    const { read, bodies, state } = world();
    read();
    const [body] = bodies as [Body];
    await body.take();
    const large = Array.from({ length: 100_000 }, () => ({}));
    state.replay((draft) => void (draft["more"] = large));
    state.replay((draft) => void delete draft["more"]);
    await body.take();
    expect(body.ended).toBe("aborted");
    expect(() => JSON.parse(body.text)).toThrow(SyntaxError);
  });
});
