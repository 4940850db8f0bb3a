/** A figure that a partition has now, and the largest that its bound allows; undefined: it has none. */
export interface Gauge {
  readonly name: string;
  readonly used: number;
  readonly max?: number | undefined;
}

/** The name of a gauge that a model has of its state: no other one has a space. */
export const gaugeOfModel = (name: string, model: string): string => `${name} ${model}`;

/** The other way: undefined, if it is no gauge of a model. */
export function modelOfGauge(gauge: string): { readonly name: string; readonly model: string } | undefined {
  const at = gauge.indexOf(" ");
  return at < 0 ? undefined : { name: gauge.slice(0, at), model: gauge.slice(at + 1) };
}

/** In the place of the name of a partition, where the courier of an endpoint reports: no partition has such a name. */
export const courierName = (endpoint: string): string => `~${endpoint}`;

export const isCourierName = (name: string): boolean => name.startsWith("~");

/** How the log of a partition is. */
interface LogReport {
  readonly head?: number;
  readonly quarantined: boolean;
  /** A verification that was done since the last report: when, in milliseconds since 1970, and how much was found. */
  readonly verified?: { readonly at: number; readonly findings: number };
}

/** What the object of a partition has used of what the platform bills, on a day. */
export interface DayCost {
  /** As 2026-11-30, in UTC. */
  readonly day: string;
  /** Requests, calls and alarms. */
  readonly requests: number;
  /** Messages that came by WebSockets: 20 are billed as one request. */
  readonly socketMessages: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** How long something was under way that keeps the object from hibernating, in milliseconds: the least that is billed. */
  readonly activeMs: number;
  /** The size of its database at the end, in bytes. */
  readonly storedBytes: number;
  /** Committed events: they are not billed. */
  readonly events: number;
}

/** What a partition has counted since its last report, and what it has now. */
export interface MetricsReport {
  /** Its name, or that of a courier. */
  readonly partition: string;
  /** The lifetime of the object that reports: its reports are numbered from 1. One that comes again counts once. */
  readonly incarnation: string;
  readonly seq: number;
  /** By counter; with a label as `<counter> <label>`. */
  readonly counts: Readonly<Record<string, number>>;
  readonly gauges: readonly Gauge[];
  /** What it has used since its last report, each day once; absent: its version, or its object, does not count that. */
  readonly costs?: readonly DayCost[] | undefined;
  /** How its log is, for the directory; absent: nothing was ever written, or it is not loaded. `head` absent: it cannot be read. */
  readonly log?: LogReport | undefined;
  /** The time since its last report, in milliseconds. */
  readonly periodMs: number;
}

/** The last reports that were counted: of each partition, the lifetime of its object and the number. */
export type ReportsSeen = Readonly<Record<string, readonly [incarnation: string, seq: number]>>;
