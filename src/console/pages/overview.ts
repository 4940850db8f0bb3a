import type { Finding } from "../data/verify.ts";

/** The answer of `GET …/inspect`, as far as the console shows it. */
export interface Overview {
  head: number;
  serverId?: string;
  model: { name: string; version: number };
  fault?: string;
  behind?: number;
  drainedUntil?: number;
  verified?: { at: number; eventId: number; findings: Finding[] };
  snapshots: { eventId: number; modelTag?: string; modelVersion: number; stateBytes: number; createdAt: number }[];
  jobs: { kind: string; key: string; dueAt: number; attempts: number }[];
  jobsTotal: number;
  lanes: {
    name: string;
    waiting: number;
    firstEventId?: number;
    attempts: number;
    parked: boolean;
    nextAt?: number;
  }[];
  lanesTotal: number;
  timers: { total: number; nextAt?: number };
}
