import { canonicalJson } from "../../src/protocol/canonical.ts";
import type { Json } from "../../src/protocol/index.ts";

/** What a token grants. */
export interface Grant {
  clientId: string;
  projectId: string;
  /** Milliseconds since 1970; absent: an hour from now. */
  expiresAt?: number;
}

/** A server that speaks the wire "1.0" of the package `insieme`: its own, or this one. */
export interface InsiemeServer {
  /** The address of the WebSocket of a project. */
  address(projectId: string): string;
  token(grant: Grant): Promise<string>;
  /** Whether a reader misses what is committed between its first page and its last, until it syncs again. */
  readonly leavesGap: boolean;
}

/** Of the client stores of the package, what these tests use; each of them has it. */
export interface ClientStore {
  init(): Promise<void>;
  close(): Promise<void>;
  getCursor(): Promise<number>;
  listCommitted(): Promise<Committed[]>;
  listDraftsOrdered(): Promise<{ id: string }[]>;
  loadMaterializedView(view: { viewName: string; partition: string }): Promise<Json>;
  evictMaterializedView(view: { viewName: string; partition: string }): Promise<void>;
  invalidateMaterializedView(view: { viewName: string; partition: string }): Promise<void>;
}

/** An event in a client store. */
export interface Committed {
  committedId: number;
  id: string;
  partition: string;
  type: string;
  schemaVersion: number;
  payload: Record<string, Json>;
  serverTs: number;
}

/** Where the drafts and events of one device are kept: each opening is another start of its application. */
export interface Disk {
  open(views: readonly object[]): Promise<ClientStore>;
}

/** What a scenario runs with. */
export interface Lab {
  readonly server: InsiemeServer;
  /** Of a new device. */
  newDisk(): Disk;
  /** The implementation that transports use. */
  readonly WebSocketImpl: typeof WebSocket;
}

/** Characters of a value that an error shows. */
const shownMax = 1_000;

/** A message or a part of it: these tests look into messages of every type. */
export type Message = any;

/** @throws where `actual` is not `expected`, which is JSON. */
export function same(actual: unknown, expected: unknown, what = "value"): void {
  const [found, wanted] = [actual, expected].map((value) => canonicalJson(JSON.parse(JSON.stringify(value ?? null))));
  if (found !== wanted) throw new Error(`the ${what} is ${shorten(found!)}, and not ${shorten(wanted!)}`);
}

function shorten(text: string): string {
  return text.length <= shownMax ? text : `${text.slice(0, shownMax)}…`;
}

/** How often a condition is looked at: what waits for it has no other limit than that of its test. */
const lookMs = 5;

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, lookMs));
}

let names = 0;

/** A name that no other scenario of this run has; later ones sort behind earlier ones. */
export function fresh(prefix: string): string {
  return `${prefix}-${Date.now().toString(36)}-${String(++names).padStart(6, "0")}`;
}
