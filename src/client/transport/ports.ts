/** A connection that is being opened, or is open. */
export interface Socket {
  send(text: string): void;
  /** Ends it; `closed` may still be called, once. */
  close(): void;
}

/** What comes of a socket. Nothing is called before `open` has returned. */
export interface SocketEvents {
  opened(): void;
  /** A frame; only text is expected. */
  received(frame: unknown): void;
  /** It has ended, or could not be opened. */
  closed(code: number, reason: string): void;
}

/** What the platform tells about the chance of reaching the network. */
export interface Reachability {
  online(): void;
  offline(): void;
  /** The page is looked at again. */
  visible(): void;
}

/** Everything that the client takes from outside. A simulator puts its own in place. */
export interface Ports {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs `run` after at least `ms`; returns how to cancel that. */
  after(ms: number, run: () => void): () => void;
  /** Runs `run` when the present turn is over. */
  defer(run: () => void): void;
  /** From 0 to 1, without 1: for delays. */
  random(): number;
  /** That many unguessable bytes: for ids. */
  bytes(count: number): Uint8Array;
  /** Opens a WebSocket that offers these subprotocols. */
  open(url: string, events: SocketEvents, protocols: readonly string[]): Socket;
  /** Watches the network; returns how to stop. */
  watch(reachability: Reachability): () => void;
  /** SHA-256 as lower-case hex. */
  sha256(text: string): Promise<string>;
}

/** A UUIDv7 (RFC 9562): grows with time, so that the server's unique index grows at its end. */
export function uuidv7({ now, bytes }: Pick<Ports, "now" | "bytes">): string {
  const random = bytes(10);
  // Version 7 and variant 10, in their bits.
  random[0] = (random[0]! & 0x0f) | 0x70;
  random[2] = (random[2]! & 0x3f) | 0x80;
  const digits = Math.floor(now()).toString(16).padStart(12, "0") + hexOf(random);
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Lower-case hexadecimal digits. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
