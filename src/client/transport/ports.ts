/** A socket that is opening or open. */
export interface Socket {
  send(text: string): void;
  /** Closes the socket; `closed` may still be called, once. */
  close(): void;
}

/** The events of a socket. None is called before `Ports.open` has returned. */
export interface SocketEvents {
  opened(): void;
  /** A frame has arrived; only text is expected. */
  received(frame: unknown): void;
  /** The socket has closed, or could not be opened. */
  closed(code: number, reason: string): void;
}

/** The events of the platform that concern the network. They are hints: a platform may be wrong about its network. */
export interface Reachability {
  online(): void;
  offline(): void;
  /** The page is visible again, or the machine has slept. */
  visible(): void;
}

/** Everything that the client needs from its platform. A simulator has its own. */
export interface Ports {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `run` after at least `ms`; returns a function that cancels it. */
  after(ms: number, run: () => void): () => void;
  /** Calls `run` after the current turn. */
  defer(run: () => void): void;
  /** Returns a number from 0 to 1, without 1, for delays. */
  random(): number;
  /** Returns unguessable bytes for ids. */
  bytes(count: number): Uint8Array;
  /** Opens a WebSocket that offers these subprotocols. */
  open(url: string, events: SocketEvents, protocols: readonly string[]): Socket;
  /** Watches the network; returns a function that stops it. */
  watch(reachability: Reachability): () => void;
  /**
   * Opens a channel to the same program and to other tabs of its origin, not to itself. Undefined, or absent: there is
   * no such channel.
   */
  channel?(
    name: string,
    receive: (message: unknown) => void,
  ): { post(message: unknown): void; close(): void } | undefined;
  /** Returns the SHA-256 in lower-case hexadecimal. */
  sha256(text: string): Promise<string>;
}

/** Makes a UUIDv7 (RFC 9562). It grows with time, so that the unique index of the server grows at its end. */
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
