// The worker of the console: it has the log and the states, so that no large answer is parsed, searched or compared in
// the thread that answers clicks.
import { CallFailed, setToken } from "./calls.ts";
import { diffOf } from "./diff.ts";
import { EventLog, foundMax, passes, summaryOf } from "./log.ts";
import type { CallName, Calls, Filter, FromWorker, ToWorker } from "./messages.ts";
import { States } from "./states.ts";
import { childrenOf, rootOf, textAt } from "./tree.ts";

type Handlers = { [Name in CallName]: (asked: Calls[Name]["asked"]) => Promise<Calls[Name]["answer"]> };

/** News of the head are gathered for this long. */
const newsMs = 100;

const send = (message: FromWorker): void => postMessage(message);

let log: EventLog | undefined;
let states: States | undefined;
let filter: Filter | undefined;
/** How many ids the present filter has found. */
let found = 0;
/** The last event that the present filter has seen. */
let filtered = 0;
let newsDue = false;

const open = (): { log: EventLog; states: States } => {
  if (!log || !states) throw new CallFailed({ title: "No partition is open." });
  return { log, states };
};

/** The log has grown: what is new passes the filter, or does not. */
async function note(live: boolean): Promise<void> {
  if (newsDue || !log) return;
  newsDue = true;
  await new Promise((resolve) => setTimeout(resolve, newsMs));
  newsDue = false;
  const { head } = log;
  send({ kind: "head", head, live });
  const given = filter;
  if (!given || filtered >= head) return;
  const from = filtered + 1;
  filtered = head;
  const fresh = await log.range(from, head);
  if (filter !== given) return;
  const ids = fresh.filter((event) => passes(given, event)).map(({ eventId }) => eventId);
  found += ids.length;
  send({ kind: "found", ids: ids.toReversed(), fresh: true, scanned: from, done: false });
}

async function search(given: Filter): Promise<void> {
  found = 0;
  filtered = log!.head;
  let scanned = log!.head + 1;
  await log!.search(
    given,
    () => filter === given,
    (ids, down) => {
      found += ids.length;
      scanned = down;
      send({ kind: "found", ids, fresh: false, scanned, done: down <= 1 || found >= foundMax });
    },
  );
}

const handlers: Handlers = {
  async open({ partition, token }) {
    setToken(token);
    log?.close();
    filter = undefined;
    states = new States(partition, (folded) => send({ kind: "folded", folded }));
    log = new EventLog(partition, { head: (_, live) => void note(live) });
    return { head: await log.open() };
  },
  async events({ from, to }) {
    return (await open().log.range(from, to)).map(summaryOf);
  },
  async event({ eventId }) {
    const event = await open().log.event(eventId);
    if (!event) throw new CallFailed({ title: `There is no event ${eventId}.` });
    return event;
  },
  async filter({ filter: given }) {
    open();
    filter = given;
    if (given) search(given).catch(() => send({ kind: "found", ids: [], fresh: false, scanned: 0, done: true }));
    return undefined;
  },
  async state({ at }) {
    return rootOf(await open().states.at(at));
  },
  async children({ at, path }) {
    return childrenOf(await open().states.at(at), path);
  },
  async value({ at, path }) {
    return textAt(await open().states.at(at), path);
  },
  async diff({ from, to }) {
    const { states: all } = open();
    return diffOf(await all.at(from), await all.at(to));
  },
};

addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  const handler = handlers[data.name] as (asked: unknown) => Promise<unknown>;
  handler(data.asked).then(
    (answer) => send({ kind: "answer", id: data.id, answer }),
    (error: unknown) =>
      send({
        kind: "failed",
        id: data.id,
        problem: error instanceof CallFailed ? error.problem : { title: String(error) },
      }),
  );
});
