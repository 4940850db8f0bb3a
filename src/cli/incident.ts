import { printable } from "./printable.ts";
import type { ReadEvent } from "./read-log.ts";

/** Rows of a timeline; what does not fit is counted. */
const rowsMax = 500;
/** Events are summed up for each minute. */
const minuteMs = 60_000;
/** A pause between two events that is named. */
const pauseMsMin = 5 * minuteMs;
const textUnitsMax = 160;

/** A log line, as far as a timeline needs it. */
export interface IncidentLine {
  readonly timestamp: number;
  readonly level: string;
  readonly event: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** What is known of a time. Times are in milliseconds since 1970. */
export interface Incident {
  readonly partition: string;
  readonly from: number;
  readonly to: number;
  readonly events: readonly ReadEvent[];
  readonly lines: readonly IncidentLine[];
  /** How full each bound is now; undefined: not known. */
  readonly usage: Readonly<Record<string, { readonly used: number; readonly max: number | null }>> | undefined;
}

interface Row {
  readonly at: number;
  readonly level: string;
  readonly text: string;
}

/** The timeline of an incident as Markdown, and the parts of a report that a person has to write. */
export function incidentReport(incident: Incident): string {
  const { partition, from, to, events, lines } = incident;
  const rows = [...eventRows(events), ...lines.map(lineRow)].toSorted((a, b) => a.at - b.at);
  const shown = rows.length <= rowsMax ? rows : withoutTheLeast(rows);
  const errors = lines.filter(({ level }) => level === "error");
  const first = errors[0];
  const table = shown.map(({ at, level, text }) => `| ${timeOf(at)} | ${cellOf(level)} | ${cellOf(text)} |`);
  const omitted = rows.length - shown.length;
  return `# ${dateOf(from)}: <one sentence: what users noticed>

Partition \`${partition}\`, from ${dateOf(from)} ${timeOf(from)} to ${dateOf(to)} ${timeOf(to)}, UTC.

## What the system knows

- ${events.length === 0 ? "no events" : `${events.length} events, ${events[0]!.eventId} to ${events.at(-1)!.eventId}`}; ${lines.length} log lines, ${errors.length} of them errors
- first error: ${first ? `${timeOf(first.timestamp)}, ${cellOf(first.message)}` : "none"}
${usageLines(incident)}
## Timeline

| time | | what |
|---|---|---|
${table.join("\n")}
${omitted > 0 ? `\n${omitted} rows are left out: those of normal work come last.\n` : ""}
## What a person has to say

- Began, noticed, fixed (UTC):
- Who noticed: an alert (which) / a user / by chance
- What users saw, how many of them:
- What was lost or doubled: nothing / what
- Cause, and why it was possible:
- What helped, what was in the way:
- What changes: <test or alert that would have shown it>, <fix of the kind and not of the case>, who, until when
`;
}

function eventRows(events: readonly ReadEvent[]): Row[] {
  const minutes = grouped(events, ({ event }) => Math.floor(event.timestamp / minuteMs));
  const rows = [...minutes.values()].map((all): Row => {
    const types = grouped(all, ({ event }) => event.type);
    const counts = [...types].map(([type, { length }]) => `${type} ${length}`).join(", ");
    const clients = new Set(all.map(({ event }) => event.clientId)).size;
    const ids = all.length === 1 ? `event ${all[0]!.eventId}` : `events ${all[0]!.eventId} to ${all.at(-1)!.eventId}`;
    return {
      at: all[0]!.event.timestamp,
      level: "",
      text: `${ids}: ${counts}; ${clients} client${clients === 1 ? "" : "s"}`,
    };
  });
  const pauses = events.slice(1).flatMap(({ event }, at): Row[] => {
    const before = events[at]!.event.timestamp;
    const pause = event.timestamp - before;
    if (pause < pauseMsMin) return [];
    return [{ at: before + 1, level: "", text: `no events for ${Math.floor(pause / minuteMs)} minutes` }];
  });
  return [...rows, ...pauses];
}

/** As `Map.groupBy`, which Node 20 does not have. */
function grouped<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** What a line says beside its message. */
const shownFields = [
  "code",
  "eventId",
  "kind",
  "timer",
  "effectId",
  "endpoint",
  "principal",
  "reason",
  "detail",
  "error",
];

function lineRow({ timestamp, level, message, traceId, ...fields }: IncidentLine): Row {
  const shown = shownFields.flatMap((name) =>
    fields[name] === undefined ? [] : `${name} ${firstLineOf(String(fields[name]))}`,
  );
  const trace = typeof traceId === "string" ? [`trace ${traceId}`] : [];
  return { at: timestamp, level, text: [message, ...shown, ...trace].join("; ") };
}

/** Leaves out rows without a level first, then those of normal work, and keeps the order. */
function withoutTheLeast(rows: readonly Row[]): Row[] {
  const first = ["error", "warn", "info"];
  const rankOf = ({ level }: Row) => (first.includes(level) ? first.indexOf(level) : first.length);
  const kept = new Set(rows.toSorted((a, b) => rankOf(a) - rankOf(b)).slice(0, rowsMax));
  return rows.filter((row) => kept.has(row));
}

function usageLines({ usage = {} }: Incident): string {
  const full = Object.entries(usage)
    .map(([name, { used, max }]) => ({ name, part: max === null || max === 0 ? 0 : used / max }))
    .filter(({ part }) => part >= 0.5)
    .map(({ name, part }) => `- more than half full now: ${cellOf(name)}, ${Math.round(part * 100)} %\n`);
  return full.join("");
}

function firstLineOf(text: string): string {
  const [line = ""] = text.split("\n");
  return line.length > textUnitsMax ? `${line.slice(0, textUnitsMax)}…` : line;
}

/** Text of others, as the subject of a token: no Markdown, no HTML, and nothing that a terminal obeys. */
const cellOf = (text: string): string => printable(text).replaceAll(/[\\|`<>[\]&]/g, "\\$&");
const dateOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
const timeOf = (at: number): string => new Date(at).toISOString().slice(11, 19);
