// The page for the published client of the package `insieme`, with the stores and the transport of a browser.
import { createIndexedDbClientStore } from "insieme/browser";
import type { ClientStore, Disk, Grant } from "../insieme/lab.ts";
import { scenarios } from "../insieme/scenarios.ts";

declare global {
  /** Of the test. */
  function insiemeToken(grant: Grant): Promise<string>;
}

let disks = 0;

function newDisk(): Disk {
  const dbName = `disk-${++disks}`;
  return {
    open: async (materializedViews) =>
      createIndexedDbClientStore({ dbName, materializedViews } as object) as unknown as ClientStore,
  };
}

export const insiemePage = {
  /** Runs a scenario against the server whose WebSockets are below `base`. Throws what it throws. */
  run: (name: string, base: string): Promise<void> =>
    scenarios[name]!({
      server: {
        address: (projectId) => new URL(projectId, base).href,
        token: (grant) => insiemeToken(grant),
        leavesGap: false,
      },
      newDisk,
      WebSocketImpl: WebSocket,
    }),
};
Object.assign(globalThis, { insiemePage });
