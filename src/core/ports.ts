import type { Logger } from "../protocol/log-events.ts";
import type { Storage } from "../storage/port.ts";
import type { Measure } from "./measure.ts";

/** Randomness; the simulator gives its own. */
interface Random {
  /** An id that no other log has. */
  logId(): string;
  /** The id of one lifetime of an object: 16 lower-case hexadecimal digits. */
  incarnation(): string;
  /** 32 lower-case hexadecimal digits (W3C trace context). */
  traceId(): string;
  /** 64 hexadecimal digits that nobody can guess. */
  secret(): string;
  /** From 0 up to, but not including, 1. */
  fraction(): number;
  /** An id that no other connection has, and that nobody can guess. */
  peerId(): string;
}

/** Everything the core needs from outside. Time comes with each call. */
export interface Ports {
  storage: Storage;
  random: Random;
  /** SHA-256 of bytes, or of the UTF-8 bytes of a text. */
  sha256(bytes: Uint8Array | string): Uint8Array;
  /** HMAC-SHA-256 of the UTF-8 bytes of `text`, under those of `key`. */
  hmac(key: string, text: string): Uint8Array;
  log: Logger;
  /** Counts what happens. Must not throw. */
  measure: Measure;
  /** Asks the tenant for `count` tokens of its rate; the answer comes by `Partition.granted`. */
  askTenant(count: number): void;
  /** How many bytes were sent to connections that they have asked for and not read yet, as far as that is known. */
  unread(now: number): number;
  /** Runs `run` once, in `delayMs` milliseconds or a little later, with the time it is then. */
  defer(run: (now: number) => void, delayMs: number): void;
}

/** An error for a log line: never for a client. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : ` (cause: ${describe(error.cause)})`;
  return `${error.stack ?? `${error.name}: ${error.message}`}${cause}`;
}
