// Measures what an event costs in everything but the platform: the production shell, the core and SQLite in memory, in one
// process, from the frames of the writers to the frames of all. With folders of other checkouts it compares them by turns.
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { readCommandLine } from "../../src/tools/command-line.ts";
import type { ShellConnection, TestShell } from "../support/shell.ts";
import { frameAt, makeTree, packed, type Stream } from "./frames.ts";
import { quantile } from "./stats.ts";

const usage = `usage: node --disable-warning=ExperimentalWarning test/bench/core-cost.ts [<checkout>…]
         [--rounds=300] [--writers=8] [--in-flight=16] [--readers=0] [--update] [--packed] [--metrics]
Prints the CPU time of an event in this checkout, and its ratio to that in each other one, by turns. With --metrics this
checkout counts and reports, and is compared with itself without metrics, too. With --writers=1 --in-flight=8 each draft is
a window of its own.`;

const { values, positionals } = readCommandLine(usage, {
  options: {
    rounds: { type: "string", default: "300" },
    writers: { type: "string", default: "8" },
    // Short rounds: on a machine that does other things some of them are not disturbed.
    "in-flight": { type: "string", default: "16" },
    readers: { type: "string", default: "0" },
    update: { type: "boolean", default: false },
    packed: { type: "boolean", default: false },
    metrics: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const [rounds, writers, inFlight, readers] = [values.rounds, values.writers, values["in-flight"], values.readers].map(
  Number,
) as [number, number, number, number];
const burstEvents = writers * inFlight;
/** Long enough for the clock of the process, which takes a part of a short round. */
const bursts = Math.ceil(128 / burstEvents);
/** Rounds before the measurement, in which the engine compiles. */
const warmup = 60;
/** A partition gets this many rounds: its state stays below its bound. */
const roundsOfPartition = 120;

class Side {
  readonly name: string;
  readonly times: number[] = [];
  readonly #make: () => TestShell;
  #shell!: TestShell;
  #writers: ShellConnection[] = [];
  #all: ShellConnection[] = [];
  #rounds = 0;
  #frames = 0;

  private constructor(name: string, make: () => TestShell) {
    this.name = name;
    this.#make = make;
  }

  static async of(checkout: string, metrics = false): Promise<Side> {
    const fileOf = (path: string) => pathToFileURL(join(resolve(checkout), path)).href;
    const { TestShell: Shell } = (await import(fileOf("test/support/shell.ts"))) as {
      TestShell: new (options?: { report: () => Promise<void> }) => TestShell;
    };
    const { config } = (await import(fileOf("node_modules/zod/v4/mini/index.js"))) as typeof import("zod/mini");
    // As on the platform, which compiles no code from text.
    config({ jitless: true });
    return metrics
      ? new Side(`${checkout}, with metrics`, () => new Shell({ report: async () => {} }))
      : new Side(checkout, () => new Shell());
  }

  async round(): Promise<number> {
    if (this.#rounds++ % roundsOfPartition === 0) await this.#begin();
    const stream: Stream = values.update
      ? { event: "update", prefix: "n", nodes: 1_000 }
      : { event: "push", prefix: "n" };
    // As the platform gives them: flat, one byte a character.
    const framesOf = () => {
      const drafts = Array.from({ length: inFlight }, () => frameAt(stream, this.#frames++));
      return (values.packed ? packed(drafts) : drafts).map(flat);
    };
    const rounds = Array.from({ length: bursts }, () => this.#writers.map(framesOf));
    const before = process.cpuUsage();
    for (const frames of rounds) {
      for (let at = 0; at < inFlight; at++) {
        this.#writers.forEach((writer, of) => frames[of]![at] !== undefined && writer.raw(frames[of]![at]!));
      }
      this.#shell.elapse(0);
    }
    const { user, system } = process.cpuUsage(before);
    this.#shell.elapse(1_000);
    for (const connection of this.#all) (connection.frames as string[]).length = 0;
    return (user + system) / (bursts * burstEvents);
  }

  async #begin(): Promise<void> {
    this.#shell = this.#make();
    const open = async (name: string) => {
      const connection = await this.#shell.open();
      connection.send("connect", { clientId: name, version: "1", frames: "array", echo: false });
      return connection;
    };
    this.#writers = [];
    for (let at = 0; at < writers; at++) this.#writers.push(await open(`w${at}`));
    this.#all = [...this.#writers];
    for (let at = 0; at < readers; at++) this.#all.push(await open(`r${at}`));
    this.#shell.elapse(0);
    this.#writers[0]!.raw(makeTree());
    this.#frames = 0;
    if (!values.update) return;
    for (let at = 0; at < 1_000; at++) {
      this.#writers[0]!.raw(frameAt({ event: "push", prefix: "n" }, at));
      if (at % 50 === 0) this.#shell.elapse(1);
    }
    this.#shell.elapse(1_000);
  }
}

const flat = (text: string): string => Buffer.from(text, "latin1").toString("latin1");

const sides: Side[] = [];
if (values.metrics) sides.push(await Side.of(projectFolder, true));
for (const checkout of [projectFolder, ...positionals]) sides.push(await Side.of(checkout));
for (let round = 0; round < rounds + warmup; round++) {
  // The order changes, because the garbage of one is often collected in the time of the next.
  for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
    const time = await side.round();
    if (round >= warmup) side.times.push(time);
  }
}
const own = sides[0]!;
for (const { name, times } of sides) {
  const at = (of: readonly number[], p: number) => quantile(of, p).toFixed(2);
  const ratio = (p: number) => (quantile(own.times, p) / quantile(times, p)).toFixed(3);
  console.log(
    `${name}: ${at(times, 0)} µs an event at least, ${at(times, 0.1)} in a tenth of the rounds, ${at(times, 0.5)} in half; this checkout ${ratio(0)}, ${ratio(0.1)} and ${ratio(0.5)} × of it`,
  );
}
