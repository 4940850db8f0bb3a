// `npm run console-speed`: how soon the console answers a click, over a log of 100,000 events and a state near its bound.
// CONSOLE_EVENTS: another length of the log, at least 10,000.
import type { Page } from "playwright-core";
import { bounds } from "../../src/protocol/index.ts";
import { launchBrowser } from "../support/browser.ts";
import { TestServer } from "../support/server.ts";

const events = Number(process.env["CONSOLE_EVENTS"] ?? 100_000);
/** Members of a batch. */
const batchEvents = 100;
/** The bytes of the state: what it takes in memory is more than its text. */
const stateShare = 0.9;
const rounds = 20;
/** A person clicks no sooner: what follows sooner is a slider that moves, and waits. */
const betweenClicksMs = 200;
/** Requests that fill the log at the same time: one after the other, most of the time would be their way. */
const requestsMax = 8;
/** What has not happened by then does not happen: the run ends with an error, and not never. */
const waitMsMax = 20_000;

const server = new TestServer({ settings: { PARTITA_IDENTITY: "open", PARTITA_PAGES: "on" } });

async function submit(partition: string, key: string, drafts: readonly object[]): Promise<void> {
  const body = { mode: "sequential", events: drafts.map((event, at) => ({ draftId: `${key}-${at}`, event })) };
  const response = await fetch(new URL(`/v1/partitions/${partition}/events`, server.url), {
    method: "POST",
    headers: { "idempotency-key": key },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok || text.includes("rejected")) throw new Error(`${response.status} ${text.slice(0, 1_000)}`);
}

async function fillLog(): Promise<void> {
  const batches = Array.from({ length: events / batchEvents }, (_, at) => at * batchEvents).values();
  const fill = async (): Promise<void> => {
    for (const from of batches) {
      const drafts = Array.from({ length: batchEvents }, (_, at) => ({
        type: "set",
        payload: { target: `key${(from + at) % 500}`, value: { at: from + at, text: `value ${from + at}` } },
      }));
      await submit("log", `b${from}`, drafts);
    }
  };
  await Promise.all(Array.from({ length: requestsMax }, fill));
}

/** Adds members until the state takes most of what it may. */
async function fillState(): Promise<number> {
  for (let at = 0; ; at++) {
    const rows = Array.from({ length: 1_500 }, (_, member) => ({ id: `${at}-${member}`, n: member }));
    await submit("state", `s${at}`, [{ type: "set", payload: { target: `part${at}`, value: { rows } } }]);
    if (at % 8 !== 7) continue;
    const response = await fetch(new URL("/v1/partitions/state/usage", server.url));
    const { used } = ((await response.json()) as { usage: { stateBytes: { used: number } } }).usage.stateBytes;
    if (used >= bounds.stateBytesMax * stateShare) return used;
  }
}

/** Runs `act` in the page, and waits frame by frame until `shown` says so; in milliseconds. */
function timeOf(page: Page, act: string, shown: string): Promise<number> {
  return page.evaluate<number>(`new Promise((resolve, reject) => {
    const from = performance.now();
    ${act};
    const look = () => {
      if (${shown}) resolve(performance.now() - from);
      else if (performance.now() - from > ${waitMsMax}) reject(new Error("nothing was shown"));
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  })`);
}

function print(what: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)]!.toFixed(0);
  console.log(`${what.padEnd(58)} p50 ${at(0.5).padStart(5)} ms   p95 ${at(0.95).padStart(5)} ms   n ${sorted.length}`);
}

async function repeat(count: number, measure: (round: number) => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < count; round++) times.push(await measure(round));
  return times;
}

/** The rows of the log that are scrolled to, far from each other. */
const placeOf = (round: number) => (round * 7_919) % (events - 5_000);
/** Events whose state is looked at: all over the log. */
const momentOf = (round: number) => Math.floor((events * (1 + ((round * 7) % rounds))) / (rounds + 2));
/** Moves the slider. */
const travelTo = (at: number) => `location.hash = "#/log/state?at=${at}"`;
/** Whether the state after this event is shown: in it is the value that the event has set. */
const isAt = (at: number) =>
  `document.querySelector(".travel input[type=range]")?.value === "${at}" && !document.querySelector(".travel [role=status]").textContent.includes("…") &&
   !document.querySelector(".travel progress") && document.querySelector(".tree .value, .tree .row")`;

const started = performance.now();
const seconds = () => ((performance.now() - started) / 1_000).toFixed(0);
await server.start();
const browser = await launchBrowser();
try {
  await fillLog();
  console.log(`the log is filled after ${seconds()} s`);
  const used = await fillState();
  console.log(`the state is filled after ${seconds()} s`);
  console.log(`a log of ${events} events; a state of ${used} bytes, of ${bounds.stateBytesMax}`);
  const page = await browser.newPage({ viewport: { width: 1_280, height: 900 } });
  await page.goto(new URL("/console#/log", server.url).href);
  await page.locator(".row .preview").first().waitFor();
  await page.evaluate(`new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest ?? 0, duration);
  }).observe({ entryTypes: ["longtask"] })`);

  print(
    "log: scroll to another place, until its rows are there",
    await repeat(rounds, (round) =>
      timeOf(
        page,
        `document.querySelector(".list").scrollTop = ${placeOf(round) * 30}`,
        `[...document.querySelectorAll(".list .row")].length > 20 && !document.querySelector(".list .row .soft") &&
         Math.abs(document.querySelector(".list .number").textContent - (${events} - ${placeOf(round)})) < 60`,
      ),
    ),
  );
  print(
    "log: click an event, until it is shown",
    await repeat(rounds, (round) =>
      timeOf(
        page,
        `window.row = document.querySelectorAll(".list .row")[${round % 20}]; window.id = row.querySelector(".number").textContent; row.click()`,
        `document.querySelector(".detail h2")?.textContent.replaceAll(",", "").includes(id)`,
      ),
    ),
  );
  const field = page.getByLabel("Text in the payload");
  const began = performance.now();
  await field.fill(`value ${events - 23}`);
  await timeOf(page, "", `/ found\\./.test(document.querySelector("p.note[role=status]").textContent)`);
  console.log(`log: a text, found in all of it: ${(performance.now() - began).toFixed(0)} ms`);

  await page.goto(new URL("/console#/log/state", server.url).href);
  await page.locator(".tree .row").nth(1).waitFor();
  const far = Math.floor(events * 0.7);
  console.log(
    `time travel: the first state far from a snapshot: ${(await timeOf(page, travelTo(far), isAt(far))).toFixed(0)} ms`,
  );
  const travel = (what: string) =>
    repeat(rounds, async (round) => {
      await page.waitForTimeout(betweenClicksMs);
      return timeOf(page, travelTo(momentOf(round)), isAt(momentOf(round)));
    }).then((times) => print(`time travel: ${what}`, times));
  await travel("another moment, anywhere in the log");
  await travel("the same moments again");

  await page.goto(new URL("/console#/state/state", server.url).href);
  const opened = performance.now();
  await page.reload();
  await page.locator(".tree .row").nth(1).waitFor();
  console.log(`state: until it is shown: ${(performance.now() - opened).toFixed(0)} ms`);
  print(
    "state: open a node, until its children are there",
    await repeat(rounds, async () => {
      const height = 'document.querySelector(".tree .extent").style.height';
      const opened = await timeOf(
        page,
        `window.before = ${height}; document.querySelector('.tree [aria-expanded="false"]').click()`,
        `${height} !== before`,
      );
      // Closed again, so that the next one is in sight, too.
      await timeOf(
        page,
        `document.querySelectorAll('.tree [aria-expanded="true"]')[1].click()`,
        `${height} === before`,
      );
      return opened;
    }),
  );
  const longest = await page.evaluate<number | undefined>("window.longest");
  console.log(`the longest task of the page: ${(longest ?? 0).toFixed(0)} ms (0: none over 50 ms)`);
} finally {
  await browser.close();
  await server.stop();
  console.log(`${seconds()} s in all`);
}
