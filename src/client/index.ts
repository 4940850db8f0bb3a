/**
 * The client of a partition: a state that is always there, and drafts that are kept until they are
 * decided. `createClient` is the beginning; docs/guide explains it.
 *
 * @module partita/client
 */
import type * as z from "zod/mini";
import type { Model } from "../model/index.ts";
import { isPartitionName } from "../protocol/index.ts";
import { Client } from "./api/client.ts";
import { platformPorts } from "./transport/platform.ts";
import type { Ports } from "./transport/ports.ts";
import type { OpenStore } from "./stores/store.ts";
import { indexedDbStore } from "./stores/indexed-db.ts";
import { memoryStore } from "./stores/memory.ts";
import { tabsBackend } from "./tabs/backend.ts";
import { browserTabs } from "./tabs/browser.ts";
import { defaultTiming, type Timing } from "./transport/timing.ts";

export type { Client } from "./api/client.ts";
export type { BatchDraft, PendingEntry, SubmitOptions } from "./api/drafts.ts";
export type { ClientEvents, Rejection } from "./api/events.ts";
export type { Peer } from "./sync/feed.ts";
export type { ConfirmedEvent } from "./sync/replica.ts";
export type { Ports, Reachability, Socket, SocketEvents } from "./transport/ports.ts";
export type { Status, StatusReason, StatusReport } from "./sync/status.ts";
export {
  type OpenStore,
  type QueuedDraft,
  type QueueEntry,
  type QueueStore,
  type StoredBase,
  StoreError,
  type StoreFailure,
} from "./stores/store.ts";
export { indexedDbStore } from "./stores/indexed-db.ts";
export { memoryStore } from "./stores/memory.ts";
export type { Timing } from "./transport/timing.ts";
export type {
  ErrorCode,
  Failure,
  Json,
  JsonObject,
  NumberedEvent,
  Problem,
  Violation,
  WireEvent,
} from "../protocol/index.ts";
export type { BatchVerdict, MemberVerdict, Unsettled, Verdict } from "./sync/verdict.ts";

/** Which partition, with which model, and how. */
export interface ClientOptions<S extends object, P extends Record<string, z.core.$ZodType>> {
  /** Where the server is: its origin, as `https://example.com`. */
  url: string;
  /** The partition's name. */
  partition: string;
  /** The model that the server has for this partition. */
  model: Model<S, P>;
  /** Called for each attempt to connect, and in good time before the token expires: it has to give a fresh one. */
  token?: () => string | Promise<string>;
  /** Where undecided drafts are kept. Default: IndexedDB where there is one, else memory. */
  store?: OpenStore;
  /** The name of this device. Default: made once, and kept by the store. */
  clientId?: string;
  /** Who the user is, as the token says: drafts of different users are kept apart. */
  principal?: string;
  /** Whether to be told who else is connected, and to show oneself by `setPresence`. */
  presence?: boolean;
  /**
   * Whether the tabs of a browser share one connection and one queue; for that they share the store.
   * Default: where `store` is the default one. A tab works by itself where its browser cannot, or
   * where its drafts are kept in memory only. One tab connects, with its `token`; all are paused and
   * resumed together, and others see what the last one showed of itself.
   */
  tabs?: boolean;
  /** How long it waits for what, where the default is not right. */
  timing?: Partial<Timing>;
  /** Clock, randomness and network; for tests and simulations. */
  ports?: Ports;
}

/**
 * A client of one partition. It begins to connect at once, and can be read and submitted to at once.
 *
 * @example
 * const client = createClient({ url: location.origin, partition: "my-board", model: insieme });
 * client.subscribe(() => render(client.state));
 * const verdict = await client.submit("set", { target: "title", value: "Hello" });
 * if (verdict.status === "rejected") alert(verdict.problem.detail);
 *
 * @throws TypeError where the url or the partition's name cannot be one.
 */
export function createClient<S extends object, P extends Record<string, z.core.$ZodType>>(
  options: ClientOptions<S, P>,
): Client<S, P> {
  const { url, partition, model, token, clientId, principal, presence = false, ports = platformPorts } = options;
  if (!isPartitionName(partition)) throw new TypeError(`"${partition}" cannot be the name of a partition`);
  const address = new URL(`/v1/partitions/${partition}/ws`, url);
  address.protocol = address.protocol.replace("http", "ws");
  const scope = `${address.host}/${partition}/${principal ?? ""}`;
  // Tabs that would fold differently, or show another client, have nothing to tell each other.
  const group = JSON.stringify([scope, clientId, model.version, presence]);
  const tabs = (options.tabs ?? !options.store) ? browserTabs(group) : undefined;
  const store = options.store ?? ("indexedDB" in globalThis ? indexedDbStore() : memoryStore());
  return new Client({
    model,
    partition,
    clientId,
    principal,
    scope,
    store,
    ports,
    timing: { ...defaultTiming, ...options.timing },
    engine: { url: address.href, token, presence },
    ...(tabs ? { backend: tabsBackend(tabs, ports) } : {}),
  });
}
