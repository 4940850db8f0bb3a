import { readFileSync } from "node:fs";
import { defineCommand } from "citty";
import { partitionPath } from "../../protocol/index.ts";
import { assertFile, writeText } from "../files.ts";
import { type Incident, type IncidentLine, incidentReport } from "../incident.ts";
import { Mistake } from "../mistake.ts";
import { askServer, logOf, type LogSource, type ReadEvent } from "../read-log.ts";
import { serverDescription } from "../server.ts";

/** Events of an incident that are read. */
const eventsMax = 100_000;

export const incidentCommand = defineCommand({
  meta: {
    name: "incident",
    description: "Makes a report of an incident in a partition, as Markdown: a timeline of its log and of log lines",
  },
  args: {
    url: { type: "string", description: serverDescription },
    partition: { type: "string", description: "The partition", required: true },
    from: { type: "string", description: "When it began, as 2026-11-29T10:00Z", required: true },
    to: { type: "string", description: "When it was over, as 2026-11-29T11:00Z; default: now" },
    logs: { type: "string", description: "A file of log lines, one a line, as a log service exports them" },
    token: { type: "string", description: "A token with the permission read; default: PARTITA_TOKEN" },
    out: { type: "string", description: "The file to write; default: the terminal" },
  },
  async run({ args }) {
    const { url, partition, out } = args;
    const source = { url, partition, token: args.token ?? process.env["PARTITA_TOKEN"] };
    const [from, to] = [timeOf("from", args.from), args.to === undefined ? Date.now() : timeOf("to", args.to)];
    if (from > to) throw new Mistake("--from is after --to.", 2);
    const within = (at: number) => at >= from && at <= to;
    const lines =
      args.logs === undefined ? [] : linesIn(args.logs, partition).filter(({ timestamp }) => within(timestamp));
    const { events, more } = await eventsWithin(source, from, to);
    const report = incidentReport({
      partition,
      from,
      to,
      events,
      lines,
      usage: await usageOf(source),
    });
    if (out === undefined) console.log(report);
    else writeText(out, report);
    if (more) console.error(`Only the first ${eventsMax} events of this time are in the report.`);
  },
});

function timeOf(name: string, text: string): number {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new Mistake(`--${name} must be a time, as 2026-11-29T10:00Z, not "${text}".`, 2);
  return at;
}

/**
 * The events of a time, and whether there are more than were read. Their first one is searched by halves: the times of a log
 * never go back. @throws Mistake where the partition has no events at all: a wrong name looks like this.
 */
async function eventsWithin(
  source: LogSource,
  from: number,
  to: number,
): Promise<{ events: ReadEvent[]; more: boolean }> {
  const path = `${partitionPath(source.partition)}/events`;
  const page = async (since: number) =>
    (await askServer(source, `${path}?since=${since}&limit=1`)) as { events: ReadEvent[]; currentEventIndex: number };
  let low = 0;
  let high = (await page(0)).currentEventIndex;
  if (high === 0) throw new Mistake(`The partition ${source.partition} has no events. Is its name right?`);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [read] = (await page(middle)).events;
    if (read && read.event.timestamp < from) low = middle + 1;
    else high = middle;
  }
  const events: ReadEvent[] = [];
  for await (const read of logOf(source, low)) {
    if (read.event.timestamp > to) break;
    if (events.length === eventsMax) return { events, more: true };
    events.push(read);
  }
  return { events, more: false };
}

/** The lines of a partition in a file. Those of no partition count, too; what is no line of ours is left out. */
function linesIn(file: string, partition: string): IncidentLine[] {
  assertFile(file);
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((text): IncidentLine[] => {
      let line: Partial<IncidentLine>;
      try {
        line = JSON.parse(text) as Partial<IncidentLine>;
      } catch {
        return [];
      }
      const own = line?.["partition"] === undefined || line["partition"] === partition;
      const known = typeof line?.timestamp === "number" && typeof line.event === "string";
      const shown = typeof line?.level === "string" && typeof line.message === "string";
      return own && known && shown ? [line as IncidentLine] : [];
    });
}

async function usageOf(source: LogSource): Promise<Incident["usage"]> {
  return ((await askServer(source, `${partitionPath(source.partition)}/usage`)) as Pick<Incident, "usage">).usage;
}
