import { setTimeout as sleep } from "node:timers/promises";
import { quantile } from "../bench/stats.ts";
import type { Arena } from "./arena.ts";
import type { Bystander } from "./bystander.ts";
import type { Case } from "./case.ts";
import type { Answers, Traffic } from "./socket.ts";

/** The same principal attacks again at most this often. */
const strikeEveryMs = 50;
/** How long the bystander is measured, quiet and beside the attack. */
const quietMs = 2_000;
const besideMsDefault = 4_000;
/** Another client's p99 may grow to this multiple, or to what it is beside a bare Worker with the same traffic. */
const besideFactorMax = 3;
const roundsDefault = 3;
/** An attack that takes longer than this is not repeated more often than necessary. */
const longMs = 3_000;
/** One that takes longer than this is not repeated beside others: it has failed. */
const tooLongMs = 10_000;

/** What an attack cost. */
export interface Result {
  name: string;
  what: string;
  boundBy: string;
  bound: Case["bound"];
  /** The median of the rounds, for each frame or request. */
  cpuMs: number;
  /** The largest of the rounds. */
  growthMiB: number;
  /** What the same takes with a Worker that does nothing; undefined: not measured. */
  floorMiB: number | undefined;
  /** The p99 of another partition's drafts. */
  quietMs: number | undefined;
  besideMs: number | undefined;
  /** The same beside a Worker that only reads and sends as many bytes; undefined: the attack itself is below the bound. */
  bareMs: number | undefined;
  answers: Answers;
  /** What is wrong; empty: nothing. */
  failures: string[];
  seconds: number;
}

/** Runs one attack alone, and then beside a bystander. */
export async function run(attackCase: Case, arena: Arena, bystander: Bystander): Promise<Result> {
  const from = performance.now();
  const floorMiB = await floorOf(attackCase, arena);
  // Memory that an earlier attack freed would hide the memory of this one.
  await arena.server.restart();
  const answers: Answers = {};
  const wrong = new Set<string>();
  const note = (struck: Answers, judged: string | undefined) => {
    for (const [answer, times] of Object.entries(struck)) answers[answer] = (answers[answer] ?? 0) + times;
    if (judged !== undefined) wrong.add(judged);
  };
  const costs: { cpuMs: number; growthMiB: number }[] = [];
  const rounds = arena.quick ? 1 : (attackCase.rounds ?? roundsDefault);
  let attack = await attackCase.prepare(arena);
  let longest = 0;
  for (let round = 0; round < rounds && longest < longMs; round++) {
    if (round > 0) {
      attack.end?.();
      attack = await attackCase.prepare(arena);
    }
    // The young generation of the isolate is as large as it becomes.
    await bystander.quiet(quietMs / 2);
    const who = await arena.attacker();
    await attack.enter?.(who);
    if (attackCase.again && !arena.quick) await attack.strike(who);
    const began = performance.now();
    const { result, cost } = await arena.meter.measure(() => attack.strike(who));
    longest = Math.max(longest, performance.now() - began);
    costs.push({ cpuMs: cost.cpuMs / result.frames, growthMiB: cost.growthMiB });
    note(result.answers, attack.judge?.(result.answers));
  }
  let [quiet, beside, bare]: (number | undefined)[] = [];
  if ((attackCase.beside ?? true) && longest < tooLongMs) {
    quiet = quantile(await bystander.quiet(quietMs), 0.99);
    const who = await arena.attacker();
    await attack.enter?.(who);
    const before = { ...arena.traffic };
    let strikes = 0;
    const repeat = (strike: () => Promise<void>) =>
      bystander.during(() => repeated(strike, attackCase.besideMs ?? besideMsDefault));
    const times = await repeat(async () => {
      strikes++;
      const struck = await attack.strike(who);
      note(struck.answers, attack.judge?.(struck.answers));
    });
    beside = quantile(times, 0.99);
    if (beside > besideFactorMax * quiet) {
      const each = trafficOf(before, arena.traffic, strikes);
      bare = quantile(await repeat(() => arena.bare(who, each)), 0.99);
      if (beside > bare) wrong.add("others wait");
    }
  }
  const left = await attack.aftermath?.();
  if (left !== undefined) wrong.add(left);
  attack.end?.();
  const { name, what, boundBy, bound } = attackCase;
  const cpuMs = quantile(
    costs.map(({ cpuMs }) => cpuMs),
    0.5,
  );
  const growthMiB = Math.max(...costs.map(({ growthMiB }) => growthMiB));
  if (bound.cpuMs !== undefined && cpuMs > bound.cpuMs) wrong.add("CPU");
  if (bound.memoryMiB !== undefined && growthMiB - (floorMiB ?? 0) > bound.memoryMiB) wrong.add("memory");
  return {
    name,
    what,
    boundBy,
    bound,
    cpuMs,
    growthMiB,
    floorMiB,
    quietMs: quiet,
    besideMs: beside,
    bareMs: bare,
    answers,
    failures: [...wrong],
    seconds: (performance.now() - from) / 1_000,
  };
}

/** What the platform takes by itself, in a process of its own. */
async function floorOf({ floor }: Case, arena: Arena): Promise<number | undefined> {
  if (!floor || arena.quick) return undefined;
  await arena.server.restart();
  const { cost } = await arena.meter.measure(async () => floor(arena, await arena.attacker()));
  return cost.growthMiB;
}

/** Strikes again and again for `ms`, up to 20 times a second. */
async function repeated(strike: () => Promise<void>, ms: number): Promise<void> {
  const until = performance.now() + ms;
  for (let next = performance.now(); next < until; next += strikeEveryMs) {
    await sleep(Math.max(next - performance.now(), 0));
    await strike();
    next = Math.max(next, performance.now() - strikeEveryMs);
  }
}

/** The traffic of one of `strikes`, on average. */
function trafficOf(before: Traffic, after: Traffic, strikes: number): Traffic {
  const requests = Math.max(1, Math.round((after.requests - before.requests) / strikes));
  return {
    requests,
    sentBytes: (after.sentBytes - before.sentBytes) / strikes,
    receivedBytes: (after.receivedBytes - before.receivedBytes) / strikes,
  };
}
