import type { Delivered } from "../core/index.ts";
import type { Subject } from "../identity/verify.ts";
import type { CourierRow } from "../platform/courier-api.ts";
import type { IsolateUse } from "../platform/isolate.ts";
import type { QueueMessage, SubmittedEffect, TenantApi } from "../platform/rpc.ts";
import type { AuditHead, Failure } from "../protocol/index.ts";
import type { MetricsReport } from "../platform/metrics-api.ts";
import type { Storage } from "../storage/port.ts";
import type { StreamBody } from "./event-sink.ts";
import type { Logger } from "../protocol/log-events.ts";

/** Randomness; the simulator passes its own. */
export interface ShellRandom {
  /** An id that is unique per log. */
  logId(): string;
  /** 16 lower-case hexadecimal digits, for one lifetime of the object. */
  incarnation(): string;
  /** 32 lower-case hexadecimal digits (W3C trace context). */
  traceId(): string;
  /** An id that is unique per connection, and unguessable. */
  peerId(): string;
  /** The same for a connection without a WebSocket: with this id its client sends frames. */
  connectionId(): string;
  /** 64 hexadecimal digits that nobody can guess. */
  secret(): string;
  /** A text that nobody can guess, of at most 64 visible ASCII characters. */
  nonce(): string;
  /** From 0 up to, but not including, 1. */
  fraction(): number;
}

/** Which endpoints get webhooks: one, or all but those for which something of before waits. */
type WebhookTarget = { readonly endpoint: string } | { readonly behind: ReadonlySet<string> };

/** The endpoints that want a webhook and do not have it, in the order of the webhooks. Of one endpoint: always none. */
type MissingAt = readonly string[];

/** Where effects go. Each may be called again with what it has received already. */
export interface EffectPorts {
  /** Has another partition of the tenant decide drafts, in their order. Returns what became of the first ones. */
  submit(partition: string, effects: readonly SubmittedEffect[]): Promise<readonly Delivered[]>;
  /** Puts messages on a queue. Resolves when it has all. */
  enqueue(queue: string, messages: readonly QueueMessage[]): Promise<void>;
  /**
   * Gives webhooks to the couriers of the tenant's endpoints. Resolves when each has stored those that it is to deliver, and
   * says which did not.
   */
  webhooks(rows: readonly CourierRow[], to: WebhookTarget): Promise<readonly MissingAt[]>;
}

/** Where what is counted is reported. */
export interface MetricsPorts {
  /** May be called again with what has arrived already. */
  report(report: MetricsReport): Promise<void>;
  /** All rows that were written in this lifetime of the object, as the platform bills them. */
  rowsWritten(): number;
  /** The same for rows read. */
  rowsRead(): number;
  /** The size of its database, in bytes. */
  storedBytes(): number;
}

/** Everything that the shell needs of its platform: a Durable Object passes the real ports, the simulator its own. */
export interface ShellPorts {
  readonly storage: Storage;
  readonly random: ShellRandom;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs `run` once, after `delayMs` milliseconds or a little later. Returns a function that cancels it. A pending timer prevents hibernation. */
  timer(run: () => void, delayMs: number): () => void;
  /** Runs `run` once, after real input or output: when what was written is durable. */
  afterIo(run: () => void): void;
  /** Runs `run` every `periodMs` milliseconds, until it is cancelled. */
  every(run: () => void, periodMs: number): () => void;
  /** Sets the object's one alarm, in milliseconds since 1970; replaces the alarm that was set. Rejects where it cannot be stored. */
  armAlarm(at: number): Promise<void>;
  /** The tenant's object; undefined in open development mode, where there is no tenant. */
  readonly tenant: TenantApi | undefined;
  readonly effects?: EffectPorts | undefined;
  /** The tag of the keys that `verify` uses now; undefined in open development mode. It may change at any time. */
  keys(): string | undefined;
  /** Verifies a token. Returns its subject, or why it is refused. */
  verify(token: string, now: number): Promise<Subject | Failure>;
  /** Signs a head of the log, as a compact JWS; absent: there is no key, and none is made. */
  readonly signHead?: ((head: AuditHead) => Promise<string>) | undefined;
  /** Absent: nothing is counted. */
  readonly metrics?: MetricsPorts | undefined;
  /** Who uses the thread that this partition runs on. */
  readonly isolate: IsolateUse;
  /** Opens the body of a response that is written piece by piece. */
  openBody(): StreamBody;
}
