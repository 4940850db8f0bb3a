// `npm run idle-cost`: what partitions cost in a month that nobody uses, and that have open WebSockets. The production shell
// runs through the month on a simulated clock; what the platform bills is counted.
import { parseArgs } from "node:util";
import type { SqlValue } from "../../src/storage/driver.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { generousTenant, TestShell, turn } from "../support/shell.ts";

const monthMs = 30 * 24 * 60 * 60 * 1_000;
/** List prices in dollars (https://developers.cloudflare.com/durable-objects/platform/pricing), without what is included. */
const dollarsPerRequest = 0.15e-6;
const dollarsPerRow = 1e-6;
const dollarsPerGbSecond = 12.5e-6;
const gigabytes = 0.128;
/** How long an object that was woken runs. Idle and able to hibernate it is not billed. */
const secondsPerWake = 0.01;

/** What is billed. */
interface Bill {
  wakes: number;
  requests: number;
  rows: number;
}

/** Counts the rows that are written, as the platform bills them: the tables that idle partitions write have no index. */
class CountingDriver extends NodeSqlDriver {
  rows = 0;

  override write(sql: string, ...values: SqlValue[]) {
    this.rows++;
    return super.write(sql, ...values);
  }

  override wrote(sql: string, ...values: SqlValue[]): boolean {
    const wrote = super.wrote(sql, ...values);
    if (wrote) this.rows++;
    return wrote;
  }
}

/** A month of one partition with an event in its log, and an open socket. */
async function idleMonth(): Promise<Bill> {
  const driver = new CountingDriver();
  let calls = 0;
  const tenant = {
    ...generousTenant,
    attend: (...asked: Parameters<typeof generousTenant.attend>) => {
      calls++;
      return generousTenant.attend(...asked);
    },
  };
  const room = new TestShell({ driver, tenant });
  const alice = { principal: "alice", permissions: "all", expiresAt: room.now + 2 * monthMs } as const;
  const socket = await room.open(alice);
  socket.send("connect", { clientId: "c", version: "1" });
  socket.send("submit_event", { draftId: "d", event: { type: "set", payload: { target: "n", value: 1 } } });
  // The tenant counts the partition before its first event.
  for (let turns = 0; turns < 10; turns++) {
    await turn();
    room.elapse(0);
  }
  if (room.armedAt === undefined) throw new Error("the event was not committed");
  driver.rows = calls = 0;
  const end = room.now + monthMs;
  const bill: Bill = { wakes: 0, requests: 0, rows: 0 };
  while (room.armedAt !== undefined && room.armedAt < end) {
    await room.alarm();
    bill.wakes++;
    // The alarm that is set is a row, too.
    if (room.armedAt !== undefined) bill.rows++;
  }
  // Each call to the tenant's object is a request, and may write a row there.
  return { wakes: bill.wakes, requests: bill.wakes + calls, rows: bill.rows + driver.rows + calls };
}

const { values } = parseArgs({ options: { partitions: { type: "string", default: "10000" } } });
const partitions = Number(values.partitions);
const { wakes, requests, rows } = await idleMonth();
const gbSeconds = wakes * secondsPerWake * gigabytes;
const each = requests * dollarsPerRequest + rows * dollarsPerRow + gbSeconds * dollarsPerGbSecond;
const dollars = (amount: number) => `$${(amount * partitions).toFixed(2)}`;
console.log(`${partitions} idle partitions with open sockets, for 30 days, at list price:`);
console.log(`  wakes     ${wakes} each`);
console.log(`  requests  ${requests} each  ${dollars(requests * dollarsPerRequest)}`);
console.log(`  rows      ${rows} each  ${dollars(rows * dollarsPerRow)}`);
console.log(`  duration  ${gbSeconds.toFixed(3)} GB-s each  ${dollars(gbSeconds * dollarsPerGbSecond)}`);
console.log(`  together  ${dollars(each)}`);
