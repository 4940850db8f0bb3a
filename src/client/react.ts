/**
 * Hooks for React 18 and newer.
 *
 * @module partita/react
 */
"use client";

import {
  createContext,
  createElement,
  type FunctionComponent,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from "react";
import type { DeepReadonly, Model } from "../model/index.ts";
import type { Client } from "./api/client.ts";
import type { PendingEntry } from "./api/drafts.ts";
import type { Peer } from "./sync/feed.ts";
import type { ClientStatus } from "./sync/status.ts";
import { renderedNothing, renderedState, renderedStatus, renderedUndo } from "./rendered.ts";
import { select } from "./select.ts";

type ClientOf<M> = M extends Model<infer S, infer P, infer Internal> ? Client<S, Omit<P, Internal>, P> : never;
type StateOf<M> = M extends Model<infer S, any, string> ? DeepReadonly<S> : never;

/** What buttons for undo and redo need. */
export type UndoState = Pick<Client<any, any>, "canUndo" | "canRedo" | "undoLabel" | "redoLabel" | "undoBlock">;

/** The hooks of one model, typed by it. */
export interface PartitionHooks<M> {
  /** Provides the client to the components below it. */
  PartitionProvider: FunctionComponent<{ client: ClientOf<M>; children?: ReactNode }>;
  /** Returns the client, for everything without a hook: for example `client.on("rejected", …)` in an effect. */
  useClient(): ClientOf<M>;
  /**
   * Returns the value that `selector` returns for the state, as plain data. The selector runs again only after a change
   * of something that it has read, and the component renders again only when its value changes: parts of the value
   * that did not change are the same objects as before, also where the selector makes new ones. `isEqual` may find
   * more values equal. See `select`.
   */
  usePartition<T>(selector: (state: StateOf<M>) => T, isEqual?: (a: T, b: T) => boolean): T;
  /** Returns `client.submit`; the same function for the same client. */
  useSubmit(): ClientOf<M>["submit"];
  /** Returns `client.status`: whether there is a connection, and if not, why. */
  useStatus(): ClientStatus;
  /** Returns `client.pending`: the undecided entries, in order. */
  usePending(): readonly PendingEntry[];
  /** Returns what undoes and redoes, and whether they can. See `client.undo`. */
  useUndo(): UndoState & Pick<ClientOf<M>, "undo" | "redo">;
  /** Returns `client.peers`: the other connections that have set a presence. */
  usePeers(): readonly Peer[];
}

/**
 * Makes the hooks of a model. Call it once, outside of components. A hook throws if no
 * `PartitionProvider` of the same call is above its component.
 *
 * @example
 * const { PartitionProvider, usePartition, useSubmit } = createPartitionHooks<typeof seats>();
 * function Seat({ id }: { id: string }) {
 *   const owner = usePartition((state) => state.taken[id]);
 *   const submit = useSubmit();
 *   return <button onClick={() => submit("book", { seat: id, name: "me" })}>{owner ?? "free"}</button>;
 * }
 */
export function createPartitionHooks<M extends Model<any, any, any>>(): PartitionHooks<M> {
  type Any = Client<any, any>;
  const context = createContext<Any | undefined>(undefined);

  const useClient = (): Any => {
    const client = useContext(context);
    if (!client) throw new Error("there is no PartitionProvider above this component");
    return client;
  };

  const useSelection = <T>(selector: (state: any) => T, isEqual?: (a: T, b: T) => boolean): T => {
    const client = useClient();
    const shown = useRef<{ value: T } | undefined>(undefined);
    const { get, subscribe, served } = useMemo(() => {
      const state = shown.current ? undefined : renderedState(client);
      const rendered = state === undefined ? undefined : { value: selector(state) };
      const selection = select<any, any, T>(client, selector, { isEqual, before: shown.current ?? rendered });
      return { ...selection, served: rendered ? () => rendered.value : selection.get };
    }, [client, selector, isEqual]);
    const value = useSyncExternalStore(subscribe, get, served);
    // The first value of a new selector shares with the value on the screen.
    useEffect(() => {
      shown.current = { value };
    }, [value]);
    return value;
  };

  const useRead = <T>(
    read: (client: Any) => T,
    rendered: (client: Any) => T,
    isEqual: (a: T, b: T) => boolean = Object.is,
  ): T => {
    const client = useClient();
    const subscribe = useCallback((listener: () => void) => client.subscribe(listener), [client]);
    const snapshot = useMemo(() => {
      let last: { value: T } | undefined;
      return (): T => {
        const value = read(client);
        if (!last || !isEqual(last.value, value)) last = { value };
        return last.value;
      };
    }, [client, read, isEqual]);
    return useSyncExternalStore(subscribe, snapshot, () => rendered(client));
  };

  const hooks = {
    PartitionProvider: ({ client, children }: { client: Any; children?: ReactNode }) =>
      createElement(context.Provider, { value: client }, children),
    useClient,
    usePartition: useSelection,
    useSubmit(): Any["submit"] {
      const client = useClient();
      return useMemo(() => client.submit.bind(client), [client]) as Any["submit"];
    },
    useStatus: () => useRead(statusOf, renderedStatus),
    usePending: () => useRead(pendingOf, renderedNothing, samePending),
    useUndo() {
      const client = useClient();
      const state = useRead(undoOf, renderedUndo, sameUndo);
      return useMemo(() => ({ ...state, undo: () => client.undo(), redo: () => client.redo() }), [client, state]);
    },
    usePeers: () => useRead(peersOf, renderedNothing),
  };
  return hooks as unknown as PartitionHooks<M>;
}

const statusOf = (client: Client<any, any>): ClientStatus => client.status;
const pendingOf = (client: Client<any, any>): readonly PendingEntry[] => client.pending;
/** Whether both have the same entries in the same condition. */
const samePending = (one: readonly PendingEntry[], other: readonly PendingEntry[]): boolean =>
  one.length === other.length &&
  one.every(
    ({ key, failure, waiting }, at) =>
      key === other[at]!.key && failure === other[at]!.failure && waiting === other[at]!.waiting,
  );
const undoOf = ({ canUndo, canRedo, undoLabel, redoLabel, undoBlock }: UndoState): UndoState => ({
  canUndo,
  canRedo,
  undoLabel,
  redoLabel,
  undoBlock,
});
const sameUndo = (one: UndoState, other: UndoState): boolean =>
  Object.keys(one).every((key) => one[key as keyof UndoState] === other[key as keyof UndoState]);
const peersOf = (client: Client<any, any>): readonly Peer[] => client.peers;
