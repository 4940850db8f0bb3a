// `npm run text-cost`: what a key costs in texts of 1 KB, 100 KB and 1 MB, on the server and in a client: time, rows and bytes.
import "../support/sql-modules.ts";
import { ChangeSet, Text } from "@codemirror/state";
import { WeighedState } from "../../src/model/weighed-state.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { text, type TextEdit } from "../../src/models/text/index.ts";
import { emptyRope, replace, type Rope, splitsPair } from "../../src/models/text/rope.ts";
import { TestPartition } from "../support/partition.ts";
import { BilledDriver } from "./billed-driver.ts";

// After the SQL can be loaded.
const { room } = await import("../support/merging-room.ts");
const { openText } = await import("../../src/text/index.ts");

const sizes = [1_000, 100_000, 1_000_000];
/** The sizes take turns, and the least of their rounds counts, because the machine does other things, too. */
const rounds = 30;
const keysOfRound = 200;
const clientRounds = 10;
/** Between two keys, in milliseconds of the partition's clock: below the rate of a client. */
const pauseMs = 100;
/** What was pasted to make the text, in UTF-16 code units. */
const pasteLength = 50_000;

/** A place that is far from the one before. */
const placeOf = (key: number, length: number) => (key * 104_729) % length;

function table(what: string, run: (size: number) => () => void): void {
  const bodies = sizes.map(run);
  const least = sizes.map(() => Infinity);
  for (let round = 0; round < rounds; round++) {
    bodies.forEach((body, at) => {
      const from = performance.now();
      for (let key = 0; key < keysOfRound; key++) body();
      least[at] = Math.min(least[at]!, ((performance.now() - from) * 1_000) / keysOfRound);
    });
  }
  const figures = least.map((time) => `${time.toFixed(1)} µs`.padStart(10)).join("");
  console.log(`${what.padEnd(60)}${figures}   ${(Math.max(...least) / least[0]!).toFixed(2)} ×`);
}

function ropeOf(size: number): WeighedState<{ rope: Rope }> {
  const state = new WeighedState({ rope: emptyRope() });
  for (let at = 0; at < size; at += 500) {
    state.change(({ rope }) => replace(rope, at, at, "some words ".repeat(46).slice(0, 500), state.context));
  }
  state.forget();
  return state;
}

class Document {
  readonly driver = new BilledDriver();
  readonly partition: TestPartition;
  readonly #writer;
  readonly #reader;
  #keys = 0;
  #length = 0;
  #sent = 0;
  head = 0;

  constructor(size: number) {
    this.partition = new TestPartition({ model: text as AnyModel, driver: this.driver, name: "text:1" });
    this.#writer = this.partition.client("writer", { echo: false });
    this.#reader = this.partition.client("reader");
    while (this.#length < size) {
      const insert = "some words ".repeat(5_000).slice(0, Math.min(pasteLength, size - this.#length));
      this.partition.now += 100_000;
      this.#submit([...keep(this.#length), [0, insert]]);
      this.#length += insert.length;
    }
  }

  key(): void {
    const at = placeOf(++this.#keys, this.#length);
    this.partition.now += pauseMs;
    this.#submit([...keep(at), [0, "x"], ...keep(this.#length - at)]);
    this.#length++;
  }

  /** Rows that a key writes, as they are billed. */
  rows(): number {
    const before = this.driver.rowsWritten;
    for (let key = 0; key < keysOfRound; key++) this.key();
    return (this.driver.rowsWritten - before) / keysOfRound;
  }

  /** Bytes of a key on the wire: the draft, what its writer receives, and what another client does. */
  bytes(): readonly [number, number, number] {
    const all = [this.#writer, this.#reader].map(({ frames }) => frames);
    for (const frames of all) frames.length = 0;
    this.#sent = 0;
    for (let key = 0; key < keysOfRound; key++) this.key();
    const [own, others] = all.map((frames) => frames.reduce((total, { length }) => total + length, 0) / keysOfRound);
    return [this.#sent / keysOfRound, own!, others!];
  }

  #submit(changes: TextEdit["changes"]): void {
    const draftId = uuid(this.head);
    const event = { type: "edit", payload: { doc: "d", changes } };
    const payload = { draftId, event, expectedEventId: this.head };
    const frame = JSON.stringify({ id: draftId, type: "submit_event", timestamp: this.partition.now, payload });
    this.#sent += frame.length;
    const [verdict] = this.#writer.raw(frame);
    if (verdict.type !== "event_accepted") throw new Error(JSON.stringify(verdict));
    this.head++;
  }
}

/** As long as the ids that a client makes. */
const uuid = (at: number) => `01990000-0000-7000-8000-${String(at).padStart(12, "0")}`;

const keep = (units: number): number[] => (units > 0 ? [units] : []);

console.log(`${"".padEnd(60)}${sizes.map((size) => `${size / 1_000} KB`.padStart(10)).join("")}   largest ÷ 1 KB`);
table("the rope: one unit is replaced, anywhere", (size) => {
  const state = ropeOf(size);
  let key = 0;
  return () => {
    const at = placeOf(++key, size);
    state.change(({ rope }) => replace(rope, at, at + 1, "x", state.context));
    state.forget();
  };
});
table("the rope: one unit is replaced, in the middle", (size) => {
  const state = ropeOf(size);
  return () => {
    state.change(({ rope }) => replace(rope, size >> 1, (size >> 1) + 1, "x", state.context));
    state.forget();
  };
});
table("the rope: whether an offset is inside a surrogate pair", (size) => {
  const state = ropeOf(size);
  let key = 0;
  return () => void state.read(({ rope }) => splitsPair(rope, placeOf(++key, size)));
});

const documents = sizes.map((size) => new Document(size));
table("the core: from the writer's frame to the frames of both", (size) => {
  const document = documents[sizes.indexOf(size)]!;
  return () => document.key();
});
console.log(
  `${"rows written for a key".padEnd(60)}${documents.map((document) => document.rows().toFixed(2).padStart(10)).join("")}`,
);
for (const [what, frames] of ["sent by the writer", "received by the writer", "received by a reader"].entries()) {
  const bytes = documents.map((document) => document.bytes()[what]!.toFixed(0).padStart(10)).join("");
  console.log(`${`bytes ${frames}`.padEnd(60)}${bytes}`);
}

/** A client with a document of this size: types a key in it, and brings its verdict. */
async function clientWith(size: number): Promise<{ press(): Promise<unknown>; decide(): Promise<void> }> {
  const partition = room();
  const { client, ports } = await partition.connect("writer");
  const document = openText(client, { doc: "d", now: ports.now });
  void document.submit(ChangeSet.of({ from: 0, insert: Text.of(["some words ".repeat(size / 10).slice(0, size)]) }, 0));
  await partition.settle();
  let keys = 0;
  return {
    press() {
      const { length } = document;
      return document.submit(ChangeSet.of({ from: placeOf(++keys, length), insert: "x" }, length));
    },
    decide: () => partition.advance(pauseMs),
  };
}

const clients = await Promise.all(sizes.map(clientWith));
const leastOfClients = sizes.map(() => ({ key: Infinity, verdict: Infinity }));
for (let round = 0; round < clientRounds; round++) {
  for (const [at, { press, decide }] of clients.entries()) {
    let keyMs = 0;
    const from = performance.now();
    for (let count = 0; count < keysOfRound; count++) {
      const pressed = performance.now();
      const verdict = press();
      keyMs += performance.now() - pressed;
      await decide();
      await verdict;
    }
    const least = leastOfClients[at]!;
    least.key = Math.min(least.key, (keyMs * 1_000) / keysOfRound);
    least.verdict = Math.min(least.verdict, ((performance.now() - from) * 1_000) / keysOfRound);
  }
}
for (const [what, times] of [
  ["a client: until the key is in its view", leastOfClients.map(({ key }) => key)],
  ["a client and the core: until its verdict, with the turns between", leastOfClients.map(({ verdict }) => verdict)],
] as const) {
  const figures = times.map((time) => `${time.toFixed(1)} µs`.padStart(10)).join("");
  console.log(`${what.padEnd(60)}${figures}   ${(Math.max(...times) / times[0]!).toFixed(2)} ×`);
}
