import { describe, expect, it } from "vitest";
import { rejectionRetentionMs, socketSweepMs } from "../../src/core/index.ts";
import { retryDelayMs } from "../../src/core/jobs/job.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TestPartition } from "../support/partition.ts";

const minute = 60_000;

/** A partition with one connection, and the number of times that its sockets were swept. */
function swept({ fails = 0 } = {}) {
  const room = new TestPartition();
  const client = room.client("a");
  client.submit("d1", "set", { target: "n", value: 1 });
  let sweeps = 0;
  const sweep = () => {
    if (sweeps++ < fails) throw new Error("it fails");
  };
  const run = () => room.runDue(room.now, sweep);
  return { room, client, run, sweeps: () => sweeps };
}

describe("jobs", () => {
  it("[LC-14] a job that succeeded is due again at the time that it returns, even at once", () => {
    const room = new TestPartition();
    const client = room.client("a");
    // More than one run deletes.
    for (let at = 0; at < 600; at++) client.submit(`bad-${at}`, "unset", { target: "nothing" });
    room.close(client);
    room.now += rejectionRetentionMs + 1;
    room.runDue();
    expect(room.driver.query("SELECT count(*) AS left FROM idempotency_records")).toEqual([{ left: 100 }]);
    expect(room.partition.nextDue).toBe(room.now);
  });

  it("[LC-14] [LC-9] a job that failed keeps its delay under traffic; the delay doubles, and is stored", () => {
    const { room, client, run, sweeps } = swept({ fails: 3 });
    room.now += socketSweepMs;
    const delays: number[] = [];
    for (let failure = 1; failure <= 3; failure++) {
      run();
      expect(sweeps()).toBe(failure);
      delays.push(room.partition.nextDue! - room.now);
      // Neither traffic nor a restart changes it.
      client.submit(`d-${failure}`, "set", { target: "n", value: failure });
      expect(room.partition.nextDue! - room.now).toBe(delays.at(-1));
      room.restart();
      expect(room.partition.nextDue! - room.now).toBe(delays.at(-1));
      room.now = room.partition.nextDue!;
    }
    expect(delays).toEqual([5_000, 7_500, 15_000]);
    run();
    expect(room.driver.query("SELECT attempts FROM jobs")).toEqual([]);
  });

  it("[LC-14] a job whose delay could not be stored keeps it in memory", () => {
    class Failing extends NodeSqlDriver {
      failing = false;
      override write(...parameters: Parameters<NodeSqlDriver["write"]>) {
        if (this.failing) throw new Error("no");
        return super.write(...parameters);
      }
    }
    const driver = new Failing();
    const room = new TestPartition({ driver });
    const client = room.client("a");
    client.submit("d1", "set", { target: "n", value: 1 });
    room.now += socketSweepMs;
    driver.failing = true;
    room.runDue();
    driver.failing = false;
    client.submit("d2", "set", { target: "n", value: 2 });
    expect(room.partition.nextDue).toBe(room.now + 5_000);
    room.now += 5_000;
    room.runDue();
    expect(room.partition.nextDue).toBe(room.now + socketSweepMs);
  });

  it("[LC-14] the delay of a retry is bounded, and has jitter", () => {
    expect([0, 1, 2, 30, 1_000].map((attempts) => retryDelayMs(attempts, 1))).toEqual([
      5_000,
      10_000,
      20_000,
      10 * minute,
      10 * minute,
    ]);
    expect(retryDelayMs(2, 0)).toBe(10_000);
    expect(retryDelayMs(0, 0)).toBe(5_000);
  });
});
