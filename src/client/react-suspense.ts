/**
 * A hook that waits for the state, for React 19.
 *
 * @module partita/react/suspense
 */
"use client";

import { use } from "react";
import type { Client } from "./api/client.ts";
import type { PartitionHooks } from "./react.ts";

type Waiting = Pick<Client<any, any>, "loaded" | "ready">;

/** React needs the same promise for the same client. */
const promises = new WeakMap<object, Promise<void>>();

/**
 * Makes `useSuspensePartition` of the hooks of a model: as `usePartition`, and while the client has no state, its
 * component suspends, so that the nearest `Suspense` shows its fallback and no component sees the initial state. If
 * the client is closed before, the nearest error boundary gets the error of `client.ready`.
 *
 * @example
 * const hooks = createPartitionHooks<typeof seats>();
 * const useSuspensePartition = createSuspenseHook(hooks);
 */
export function createSuspenseHook<M>(hooks: PartitionHooks<M>): PartitionHooks<M>["usePartition"] {
  return function useSuspensePartition(selector, isEqual) {
    // In each render: React compares what a component used before it suspended.
    use(readyOf(hooks.useClient()));
    return hooks.usePartition(selector, isEqual);
  };
}

function readyOf(client: Waiting): Promise<void> {
  let ready = promises.get(client);
  if (!ready) {
    // React does not suspend for a promise that says that it is fulfilled.
    ready = client.loaded ? Object.assign(Promise.resolve(), { status: "fulfilled", value: undefined }) : client.ready;
    promises.set(client, ready);
  }
  return ready;
}
