// `npm run tenant-load`: prints how often 10,000 partitions call their tenant's object, and how many rows it writes. It
// runs the production rules of both sides on a simulated clock: one hour takes about a minute.
import { noLimits, type Author } from "../../src/protocol/index.ts";
import { TenantLink } from "../../src/shell/tenant-link.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TenantStorage } from "../../src/storage/tenant/storage.ts";
import { Notifier } from "../../src/tenant/notifier.ts";
import { Tenant } from "../../src/tenant/tenant.ts";
import { migrationsIn } from "../support/partition.ts";

const partitions = 10_000;
const hourSeconds = 3_600;
const tokenMs = 60 * 60_000;
/** An object that nothing happens to leaves memory after this time. */
const sleepSeconds = 10;

/** What happens to partition `at` in second `second`. */
type Happens = (at: number, second: number) => "connect" | "request" | "frame" | undefined;

const every = (seconds: number, what: ReturnType<Happens>): Happens => {
  return (at, second) => ((second + at) % seconds === 0 ? what : undefined);
};

const shapes: Readonly<Record<string, Happens>> = {
  "connected and idle": (at, second) => (second === at % 60 ? "connect" : undefined),
  "a visit of five minutes every half hour, a frame every five seconds": (at, second) => {
    const phase = (second + at) % 1_800;
    if (phase === 0) return "connect";
    return phase < 300 && phase % 5 === 0 ? "frame" : undefined;
  },
  "connected, a frame every ten seconds": (at, second) =>
    second === at % 60 ? "connect" : every(10, "frame")(at, second),
  "a request every 15 seconds": every(15, "request"),
  "a new connection every 30 seconds": every(30, "connect"),
  "all reconnect within 30 seconds": (at, second) => (second === at % 30 ? "connect" : undefined),
};

/** A partition as its link sees it. */
const partition = {
  exists: true,
  attended: true,
  keptLimits: "{}",
  limit: () => {},
  revoke: () => {},
  granted: () => {},
  keepLimits: () => {},
  announceReadOnly: () => {},
};

interface Load {
  callsPerSecond: number;
  callsPerSecondMax: number;
  rowsPerHour: number;
  cpuMicroseconds: number;
}

async function run(happens: Happens): Promise<Load> {
  let now = 1_800_000_000_000;
  const driver = new NodeSqlDriver();
  const tenant = new Tenant(new TenantStorage(driver, migrationsIn("tenant")), noLimits, now);
  for (let at = 0; at < partitions; at++) tenant.claim(`room-${at}`, undefined, now);
  const rowsWritten = () => driver.query("SELECT total_changes() AS rows")[0]!["rows"] as number;
  const rowsBefore = rowsWritten();
  let calls = 0;
  let cpuMs = 0;
  const linkOf = (at: number): TenantLink =>
    new TenantLink({
      where: { tenant: "t", partition: `room-${at}` },
      partition,
      limits: noLimits,
      tenant: {
        async attend(asked) {
          calls++;
          const from = performance.now();
          const answer = tenant.subscribe(asked, now);
          cpuMs += performance.now() - from;
          return answer;
        },
        claim: async () => undefined,
        grant: async ({ count }) => ({ granted: count, retryAfterMs: 0 }),
      },
      log: () => {},
      now: () => now,
      fraction: () => 0.5,
      timer: () => () => {},
      step: (body) => body(),
      concernedBy: () => [],
    });
  const links: (TenantLink | undefined)[] = Array.from({ length: partitions });
  const lastUsed = new Int32Array(partitions);
  let mostCalls = 0;
  for (let second = 0; second < hourSeconds; second++) {
    const before = calls;
    for (let at = 0; at < partitions; at++) {
      const what = happens(at, second);
      if (what === undefined) continue;
      if (second - lastUsed[at]! > sleepSeconds) links[at] = undefined;
      lastUsed[at] = second;
      const link = (links[at] ??= linkOf(at));
      const author: Author = { principal: "p", permissions: "all", expiresAt: now + tokenMs, tokenId: `${second}` };
      if (what === "frame") link.used(now);
      else if (what === "request") await link.admitRequest(author);
      else {
        await link.admit(author);
        link.attached(author);
      }
    }
    // What a frame has caused is answered.
    await new Promise((resolve) => setImmediate(resolve));
    mostCalls = Math.max(mostCalls, calls - before);
    now += 1_000;
  }
  return {
    callsPerSecond: calls / hourSeconds,
    callsPerSecondMax: mostCalls,
    rowsPerHour: rowsWritten() - rowsBefore,
    cpuMicroseconds: (cpuMs / calls) * 1_000,
  };
}

/** How long it takes until `count` partitions have a change, if one call takes `callMs` and `outgoing` run at a time. */
async function spread(count: number, callMs: number, outgoing: number): Promise<number> {
  let behind = Array.from({ length: count }, (_, at) => `room-${at}`);
  const timers: { at: number; run: () => void }[] = [];
  let now = 0;
  let running = 0;
  const waiting: (() => void)[] = [];
  const notifier = new Notifier({
    behind: (limit) => behind.slice(0, limit),
    async notify() {
      if (running >= outgoing) await new Promise<void>((resolve) => waiting.push(resolve));
      running++;
      await new Promise<void>((run) => timers.push({ at: now + callMs, run }));
      running--;
      waiting.shift()?.();
    },
    failed: () => {},
    timer: () => () => {},
  });
  while (behind.length > 0) {
    const round = new Set(behind.slice(0, 1_000));
    let ended = false;
    void notifier.notifyAll().then(() => (ended = true));
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (ended) break;
      now = Math.min(...timers.map(({ at }) => at));
      for (const { run } of timers.filter(({ at }) => at <= now)) run();
      timers.splice(0, timers.length, ...timers.filter(({ at }) => at > now));
    }
    behind = behind.filter((name) => !round.has(name));
  }
  return now;
}

console.log(`${partitions} partitions of one tenant, for an hour; a token lives an hour\n`);
const columns = ["calls/s", "most", "rows/hour", "CPU of a call"];
console.log(`${"each partition".padEnd(70)}${columns.map((column) => column.padStart(14)).join("")}`);
for (const [name, happens] of Object.entries(shapes)) {
  const load = await run(happens);
  const figures = [
    load.callsPerSecond.toFixed(1),
    String(load.callsPerSecondMax),
    String(load.rowsPerHour),
    `${load.cpuMicroseconds.toFixed(0)} µs`,
  ];
  console.log(`${name.padEnd(70)}${figures.map((figure) => figure.padStart(14)).join("")}`);
}
console.log("\nuntil a revocation has reached all, in seconds");
for (const [count, callMs] of [
  [1_000, 5],
  [1_000, 20],
  [10_000, 20],
] as const) {
  const [free, six] = [await spread(count, callMs, Infinity), await spread(count, callMs, 6)];
  const what = `${count} partitions, ${callMs} ms a call`;
  console.log(
    `${what.padEnd(70)}${(free / 1_000).toFixed(1)}, or ${(six / 1_000).toFixed(1)} where six calls run at a time`,
  );
}
