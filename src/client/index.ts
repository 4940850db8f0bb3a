/**
 * The client of a partition: a state that is always available, and drafts that are kept until they are
 * decided. Start with `createClient`; docs/guide explains it.
 *
 * @module partita/client
 */
import type * as z from "zod/mini";
import type { Model } from "../model/index.ts";
import { isPartitionName } from "../protocol/index.ts";
import { Client } from "./api/client.ts";
import type { NewBackend } from "./sync/backend.ts";
import { partitionOf } from "./api/scope.ts";
import { type ConfirmDeletion, listenForSignOut, type SignedOut } from "./api/signed-out.ts";
import { defaultTenant, type Identity } from "./sync/identity.ts";
import { platformPorts } from "./transport/platform.ts";
import { type Ports, uuidv7 } from "./transport/ports.ts";
import type { OpenStore, Snapshot } from "./stores/store.ts";
import { indexedDbStore } from "./stores/indexed-db-file.ts";
import { memoryStore } from "./stores/memory.ts";
import { tabsSupported } from "./tabs/supported.ts";
import { broadcastChannel } from "./transport/channel.ts";
import { defaultTiming, type Timing } from "./transport/timing.ts";
import { within } from "./transport/within.ts";

export type { Client } from "./api/client.ts";
export type { BatchDraft, DraftOf, EventOf, PendingEntry, SubmitOptions } from "./api/drafts.ts";
export type { ClientEvents, RejectedEntry, Rejection } from "./api/events.ts";
export type { ConfirmDeletion, Unsent } from "./api/signed-out.ts";
export type { Skipped, UndoReport, UndoResult } from "./api/undo-result.ts";
export type { UndoBlock } from "../model/index.ts";
export type { Peer } from "./sync/feed.ts";
export type { MergedChange } from "./sync/merged.ts";
export type { ConfirmedEvent } from "./sync/replica.ts";
export type { Ports, Reachability, Socket, SocketEvents } from "./transport/ports.ts";
export type { ClientStatus, Held, Progress, Status, StatusReason, StatusReport } from "./sync/status.ts";
export {
  type Backup,
  type BaseTail,
  type OpenStore,
  type QueuedDraft,
  type QueueEntry,
  type QueueStore,
  type Snapshot,
  type StoredBase,
  StoreError,
  type StoreFailure,
} from "./stores/store.ts";
export { indexedDbStore, type IndexedDbOptions } from "./stores/indexed-db-file.ts";
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
export interface ClientOptions<
  S extends object,
  P extends Record<string, z.core.$ZodType>,
  Internal extends string = never,
> {
  /** The origin of the server, for example `https://example.com`. */
  url: string;
  /** The partition's name. */
  partition: string;
  /** The model that the server uses for this partition. */
  model: Model<S, P, Internal>;
  /** Returns a valid token. Called for each attempt to connect, and before the token of a connection expires. */
  token?: () => string | Promise<string>;
  /** Where undecided drafts are kept. Default: IndexedDB if the platform has it, or else memory. */
  store?: OpenStore;
  /** The name of this device. Default: a new UUID, which the store keeps. */
  clientId?: string;
  /**
   * The user: the `sub` of the token. What is cached and queued belongs to one user, and is never shown or sent as
   * another one. Default: the `sub` of the first token. With it, the client also opens without network, and with
   * tokens that are not JWTs.
   */
  principal?: string;
  /** The tenant, with `principal`, where the token names one. Default: `default`. */
  tenant?: string;
  /**
   * Whether to receive the presence of other clients, and to set one by `setPresence`. Its code is a file of its own: if
   * that cannot be loaded, the client works without.
   */
  presence?: boolean;
  /**
   * Whether the tabs of a browser share one connection and one queue. To do that, they share the store.
   * Default: true if `store` is the default. A tab works alone if its browser does not support sharing,
   * or if drafts are kept in memory only. One tab connects, with its `token`. All tabs are paused and
   * resumed together, and other clients see the presence that was set last in any tab.
   */
  tabs?: boolean;
  /**
   * What `dehydrate()` of a client on the server has returned for a page that the server has rendered. It is the state
   * from the start, unless the store has a newer one. Ignored if it is of another model, or of another version of it.
   */
  initial?: Snapshot | undefined;
  /**
   * False: it neither opens a store nor connects, and shows `initial`, as on a server that renders a page. Default: true.
   */
  connect?: boolean;
  /** Timeouts that differ from the defaults. */
  timing?: Partial<Timing>;
  /** Clock, randomness and network, for tests and simulations. */
  ports?: Ports;
}

/**
 * Makes a client of one partition. It starts to connect at once. The application can read its state and
 * submit drafts at once.
 *
 * @example
 * const client = createClient({ url: location.origin, partition: "my-board", model: insieme });
 * client.subscribe(() => render(client.state));
 * const verdict = await client.submit("set", { target: "title", value: "Hello" });
 * if (verdict.status === "rejected") alert(verdict.problem.detail);
 *
 * @throws TypeError if the url or the name of the partition is invalid.
 */
export function createClient<
  S extends object,
  P extends Record<string, z.core.$ZodType>,
  Internal extends string = never,
>(options: ClientOptions<S, P, Internal>): Client<S, Omit<P, Internal>, P> {
  const { url, partition, model, token, clientId, presence = false, ports = platformPorts } = options;
  if (!isPartitionName(partition)) throw new TypeError(`"${partition}" cannot be the name of a partition`);
  // Read only: React Native cannot set the parts of a URL.
  const { origin, host } = new URL(url);
  const backend = async (scope: string): Promise<NewBackend | undefined> => {
    if (!tabsSupported()) return undefined;
    // A separate file, because most platforms have no tabs. If it cannot be loaded in time, this tab works alone:
    // nothing is shown and stored before that.
    const code = await within(ports, timing.connectMs, import("./tabs/backend.ts"));
    // Tabs with another model or another client id do not share.
    const name = JSON.stringify([scope, clientId, model.version, presence, model.name]);
    return code?.tabsBackend(code.browserTabs(name, broadcastChannel), ports, () => uuidv7(ports));
  };
  const timing = { ...defaultTiming, ...options.timing };
  const store = options.store ?? defaultStore();
  return new Client<S, Omit<P, Internal>, P>({
    model,
    partition,
    clientId,
    identity: identityIn(options),
    host,
    store,
    ports,
    timing,
    initial: options.initial,
    connect: options.connect,
    engine: { url: `${origin.replace("http", "ws")}/v1/partitions/${partition}/ws`, token, presence },
    ...((options.tabs ?? !options.store) ? { backend } : {}),
  });
}

/** Whose data is deleted, see `signOut`. */
export interface SignOutOptions {
  /** As of the clients. */
  url: string;
  principal: string;
  tenant?: string;
  store?: OpenStore;
  ports?: Ports;
  /** Called with the drafts that are not decided yet, if there are any; false: nothing is deleted. */
  confirm?: ConfirmDeletion;
}

/**
 * Deletes what is kept here of a user, of all partitions, and closes the clients of this user, in other tabs too. If
 * there are undecided drafts, `confirm` is called with them. Without it, and if it returns false, nothing is deleted,
 * and the result is false.
 *
 * @throws StoreError (rejects)
 */
export async function signOut(options: SignOutOptions): Promise<boolean> {
  const { url, store = defaultStore(), ports = platformPorts, confirm } = options;
  const { host } = new URL(url);
  const identity = identityIn(options)!;
  const { signOutEverywhere } = await import("./api/rarely.ts");
  const channel = listenForSignOut(ports, () => {});
  try {
    return await signOutEverywhere({
      store,
      partitionOf: (scope) => partitionOf(scope, host, identity),
      announce: () => channel?.post({ host, ...identity } satisfies SignedOut),
      confirm,
    });
  } finally {
    channel?.close();
  }
}

function identityIn({
  principal,
  tenant = defaultTenant,
}: {
  principal?: string;
  tenant?: string;
}): Identity | undefined {
  return principal === undefined ? undefined : { tenant, principal };
}

function defaultStore(): OpenStore {
  return "indexedDB" in globalThis ? indexedDbStore() : memoryStore();
}
