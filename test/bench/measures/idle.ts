import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, Row } from "../bench.ts";
import { figure } from "../bench.ts";
import { type Address, Connection } from "../connection.ts";
import { makeTree } from "../frames.ts";
import { residentMiB } from "../machine.ts";
import { spread } from "../stats.ts";

/** Objects hibernate when nothing has happened for ten seconds. */
const untilIdleMs = 15_000;

/** What an idle socket takes, and an idle partition: memory of workerd, when the objects hibernate. */
export async function idle(bench: Bench): Promise<Row[]> {
  const sockets = bench.events(1_000);
  const objects = bench.events(400);
  const sides = [
    { pid: () => bench.partita.pid, restart: () => bench.partita.restart(), fresh: () => bench.fresh() },
    { pid: () => bench.floor.pid, restart: () => bench.floor.restart(), fresh: () => bench.freshFloor("turn") },
  ];
  const rows: Row[] = [];
  for (const { what, count, partitions } of [
    { what: "Memory of an idle socket", count: sockets, partitions: 1 },
    { what: "Memory of an idle partition, with its socket", count: objects, partitions: objects },
  ]) {
    const kib: number[] = [];
    for (const { pid, restart, fresh } of sides) {
      // What was freed before would hide what is taken now.
      await restart();
      await open(fresh(), 1);
      await sleep(1_000);
      const before = residentMiB(pid());
      const opened: Connection[] = [];
      const each = count / partitions;
      for (let at = 0; at < partitions; at++) opened.push(...(await open(fresh(), each)));
      await sleep(untilIdleMs);
      kib.push(((residentMiB(pid()) - before) * 1_024) / count);
      for (const connection of opened) connection.close();
    }
    rows.push({
      what,
      partita: `${figure(kib[0]!)} KiB`,
      floor: `${figure(kib[1]!)} KiB`,
      value: spread([kib[0]! / 1_024]),
      unit: "MiB",
      bound: undefined,
      note: `${figure(count)} of them, ${untilIdleMs / 1_000} s after the last event`,
    });
  }
  return rows;
}

async function open(address: Address, count: number): Promise<Connection[]> {
  const connections: Connection[] = [];
  for (let at = 0; at < count; at++) connections.push(await Connection.open(address, `idle${at}`));
  await connections[0]!.submit(makeTree());
  return connections;
}
