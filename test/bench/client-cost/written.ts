// Part of `npm run client-cost`: what a client writes to its store.
import { memoryStore } from "../../../src/client/stores/memory.ts";
import type { BaseTail, OpenStore, QueueEntry, StoredBase } from "../../../src/client/stores/store.ts";
import { continues } from "../../../src/client/stores/tails.ts";
import { accepted, broadcast, FakeWorld, settle } from "../../unit/client/harness.ts";
import type { Table } from "./table.ts";

/** Bytes of the text of an event, as in decision 18. */
const eventBytes = 220;
const ownDrafts = 20;
/** Enough for the whole state to be written again some times. */
const wholeStatesMin = 2;
const eventsMax = 60_000;

/** What was written, in bytes of text. */
interface Written {
  tails: number;
  states: number;
  stateCount: number;
  entries: number;
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** A store that survives a reload, and counts what is written. */
function counting(): { open: OpenStore; written: Written } {
  const memory = memoryStore();
  const written: Written = { tails: 0, states: 0, stateCount: 0, entries: 0 };
  let end: StoredBase | undefined;
  const open: OpenStore = async (scope) => {
    const store = await memory(scope);
    const entry = (one: QueueEntry) => void (written.entries += bytesOf(one));
    return {
      durable: true,
      load: () => store.load(),
      identify: (fresh) => store.identify(fresh),
      append: (one) => (entry(one), store.append(one)),
      update: (one) => (entry(one), store.update(one)),
      remove: (keys) => ((written.entries += bytesOf(keys)), store.remove(keys)),
      saveBase: async (base) => {
        written.states += Buffer.byteLength(base.state);
        written.stateCount++;
        end = { ...base };
        return true;
      },
      extendBase: async (tail: BaseTail) => {
        if (!end || !continues(tail, end)) return false;
        written.tails += Buffer.byteLength(tail.events);
        end = { ...end, ...tail };
        return true;
      },
      delete: (what) => store.delete(what),
      close: () => store.close(),
    };
  };
  return { open, written };
}

/** An event whose text has `eventBytes`, that does not let the state grow. */
function eventOf(eventId: number) {
  const of = (value: string) => broadcast(eventId, "set", { target: "a", value });
  return of("x".repeat(eventBytes - bytesOf(of("").payload)));
}

async function remote(stateBytes: number): Promise<string[]> {
  const world = new FakeWorld();
  const { open, written } = counting();
  const state = { big: "x".repeat(stateBytes), a: "" };
  const client = await world.online({ store: open }, { head: 0, state });
  await world.pass(1_000);
  const first = { ...written };
  let count = 0;
  while (written.stateCount < first.stateCount + wholeStatesMin) {
    if (++count > eventsMax) throw new Error(`${count} events, and the state was not written ${wholeStatesMin} times`);
    world.socket.say(eventOf(count));
    await world.pass(1_000);
  }
  await client.close();
  const tail = written.tails / (count - wholeStatesMin);
  const all = (written.tails + written.states - first.states) / count;
  return [stateBytes.toLocaleString("en"), tail.toFixed(0), all.toFixed(0)];
}

/** What is written for an event of `eventBytes` bytes, and for an own draft, by the size of the state. */
export async function measureWritten(): Promise<Table> {
  return {
    title: `Bytes written for an event of ${eventBytes} bytes, one in a second`,
    header: ["bytes of the state", "the event", "with its share of the whole states"],
    rows: [await remote(100_000), await remote(5_200_000)],
  };
}

/** What is written for an own draft, from its submission to its verdict. */
export async function measureDraft(): Promise<Table> {
  const world = new FakeWorld();
  const { open, written } = counting();
  const client = await world.online({ store: open }, { head: 0, state: { a: "" } });
  await world.pass(1_000);
  for (let at = 1; at <= ownDrafts; at++) {
    const verdict = client.submit("set", { target: "a", value: "x".repeat(100) });
    await settle();
    world.socket.say(accepted(world.socket.of("submit_event").at(-1)!, at));
    await verdict;
    await settle();
  }
  await client.close();
  const header = ["what", "bytes"];
  return {
    title: "Bytes written to the queue for an own draft with a value of 100 bytes",
    header,
    rows: [["stored, and removed when it is decided", (written.entries / ownDrafts).toFixed(0)]],
  };
}
