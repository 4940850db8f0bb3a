import type { Logger } from "../core/index.ts";
import type { Subject } from "../identity/verify.ts";
import type { TenantApi } from "../platform/rpc.ts";
import type { Failure } from "../protocol/index.ts";
import type { Storage } from "../storage/port.ts";
import type { StreamBody } from "./event-sink.ts";

/** Randomness; the simulator gives its own. */
export interface ShellRandom {
  /** An id that no other log has. */
  logId(): string;
  /** 16 lower-case hexadecimal digits, for one lifetime of the object. */
  incarnation(): string;
  /** 32 lower-case hexadecimal digits (W3C trace context). */
  traceId(): string;
  /** An id that no other connection has, and that nobody can guess. */
  peerId(): string;
  /** The same for a connection without a WebSocket: who knows it can send frames on it. */
  connectionId(): string;
  /** From 0 up to, but not including, 1. */
  fraction(): number;
}

/** Everything that the shell takes from its platform: a Durable Object gives the real ones, the simulator its own. */
export interface ShellPorts {
  readonly storage: Storage;
  readonly random: ShellRandom;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs `run` once, in `delayMs` milliseconds or a little later. Returns a function that cancels it. A pending timer keeps an object awake. */
  timer(run: () => void, delayMs: number): () => void;
  /** Runs `run` every `periodMs` milliseconds, until it is cancelled. */
  every(run: () => void, periodMs: number): () => void;
  /** Sets the object's one alarm, in milliseconds since 1970, in place of the one that was set. */
  armAlarm(at: number): void;
  /** A fresh stub of the tenant's object; undefined in open development mode, where there is no tenant. */
  readonly tenant: (() => TenantApi) | undefined;
  /** Verifies a token. Returns its subject, or why it is refused. */
  verify(token: string, now: number): Promise<Subject | Failure>;
  /** The body of a response that is written piece by piece. */
  openBody(): StreamBody;
}
