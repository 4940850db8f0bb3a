// The process of the bystander: submits one small draft after the other, at a steady rate.
import { setTimeout as sleep } from "node:timers/promises";
import { Connection } from "../bench/connection.ts";
import { frameAt } from "../bench/frames.ts";
import { makeNodes } from "../bench/probe.ts";
import type { Watch } from "./bystander.ts";

const nodes = 20;
/** The time between two drafts. */
const everyMs = 5;

let stop = new AbortController();

async function watch({ address, ms }: Watch): Promise<number[]> {
  const connection = await Connection.open(address, "bystander");
  // The tree is there since the first time.
  if (connection.head === 0) await makeNodes(address, nodes);
  const times: number[] = [];
  process.send!("running");
  stop = new AbortController();
  if (ms > 0) setTimeout(() => stop.abort(), ms);
  let due = performance.now();
  for (let at = 0; !stop.signal.aborted; at++) {
    await connection.submit(frameAt({ event: "update", prefix: "n", nodes }, at));
    const now = performance.now();
    // One draft that waits delays those after it, as they would all have waited: each due one counts.
    for (; due <= now; due += everyMs) times.push(now - due);
    await sleep(due - now);
  }
  connection.close();
  return times;
}

process.on("message", (order: Watch | "stop") => {
  if (order === "stop") {
    stop.abort();
    return;
  }
  watch(order).then(
    (times) => process.send!(times),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
