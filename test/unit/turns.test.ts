import { describe, expect, it } from "vitest";
import { Turns } from "../../src/core/index.ts";
import { bounds } from "../../src/protocol/index.ts";

/** Turns whose timers the test owns. */
class World {
  /** What the next turn waits for. */
  awaited: "timer" | "io" | undefined;
  #turn: (() => void) | undefined;
  readonly turns = new Turns({
    timer: (turn) => this.#await("timer", turn),
    afterIo: (turn) => this.#await("io", turn),
  });

  fire(): void {
    const turn = this.#turn!;
    this.awaited = this.#turn = undefined;
    turn();
  }

  #await(what: "timer" | "io", turn: () => void): void {
    expect(this.awaited).toBeUndefined();
    this.awaited = what;
    this.#turn = turn;
  }
}

describe("turns", () => {
  it("[BD-1] do pieces in order, until a share of work is done; the rest follows, one piece at least", () => {
    const { turns } = new World();
    const world = new World();
    const done: number[] = [];
    for (const at of [1, 2, 3, 4]) {
      world.turns.later(() => {
        done.push(at);
        world.turns.spend(bounds.turnWorkMax / 2 + at);
      });
    }
    expect(turns.free).toBe(true);
    expect(world.turns.free).toBe(false);
    world.fire();
    expect(done).toEqual([1, 2]);
    world.fire();
    expect(done).toEqual([1, 2, 3, 4]);
    expect(world.awaited).toBeUndefined();
  });

  it("[BD-1] [AU-6] what is asked for in a turn waits for the next, so that nothing keeps a turn going", () => {
    const world = new World();
    const done: string[] = [];
    const again = (name: string) => () => {
      done.push(name);
      if (done.length < 6) world.turns.later(again(name));
    };
    world.turns.later(again("a"));
    world.turns.later(again("b"));
    world.fire();
    expect(done).toEqual(["a", "b"]);
    world.fire();
    expect(done).toEqual(["a", "b", "a", "b"]);
  });

  it("[BD-1] what was done at once counts: with its share done, the next piece waits", () => {
    const world = new World();
    world.turns.spend(bounds.turnWorkMax - 1);
    expect([world.turns.exhausted, world.awaited]).toEqual([false, undefined]);
    world.turns.spend(1);
    expect([world.turns.exhausted, world.awaited]).toEqual([true, "timer"]);
    world.fire();
    expect([world.turns.exhausted, world.awaited]).toEqual([false, undefined]);
  });

  it("[BD-1] [LC-10] a piece that throws takes no other with it", () => {
    const world = new World();
    const done: number[] = [];
    world.turns.later(() => {
      throw new Error("no");
    });
    world.turns.later(() => void done.push(2));
    expect(() => world.fire()).toThrow("no");
    world.fire();
    expect(done).toEqual([2]);
  });

  it("[AU-5] [WP-10] go on by timers, and after 64 of them after input or output, which sets the clock", () => {
    const world = new World();
    const waits: (string | undefined)[] = [];
    const again = () => world.turns.later(again);
    again();
    const round = [...Array(bounds.chainedTurnsMax).fill("timer"), "io"];
    for (let at = 0; at < 2 * round.length; at++) {
      waits.push(world.awaited);
      world.fire();
    }
    expect(waits).toEqual([...round, ...round]);
  });
});
