import { setTimeout as sleep } from "node:timers/promises";
import { type Address, Connection } from "./connection.ts";
import { frameAt, makeTree, type Stream } from "./frames.ts";

/** The pause between two probes, so that they add no load. */
const probeEveryMs = 2;

/** Prepares a partition for updates that do not grow its state. */
export async function makeNodes(address: Address, count: number): Promise<Stream> {
  const connection = await Connection.open(address, "maker");
  await connection.submit(makeTree());
  for (let at = 0; at < count; at++) await connection.submit(frameAt({ event: "push", prefix: "n" }, at));
  connection.close();
  return { event: "update", prefix: "n", nodes: count };
}

/** Repeats `probe` until `load` is done. Returns the duration of each, in milliseconds, without the first tenth. */
export async function probeDuring(load: Promise<unknown>, probe: () => Promise<unknown>): Promise<number[]> {
  const during = new AbortController();
  const ended = load.finally(() => during.abort());
  const times: number[] = [];
  try {
    while (!during.signal.aborted) {
      const from = performance.now();
      await probe();
      times.push(performance.now() - from);
      await sleep(probeEveryMs);
    }
  } finally {
    await ended;
  }
  // The load builds up first.
  return times.slice(Math.ceil(times.length / 10));
}

/** A probe that submits one update over its own connection. */
export async function updater(address: Address, stream: Stream): Promise<{ probe(): Promise<void>; close(): void }> {
  const connection = await Connection.open(address, "prober");
  let at = 0;
  return { probe: () => connection.submit(frameAt(stream, at++)), close: () => connection.close() };
}
