// A process with the server of the package `insieme` alone: its SQLite store on disk, with the durability that it has by itself.
import { createSqliteSyncStore, createSyncServer, createWsServerRuntime } from "insieme/node";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { WebSocketServer } from "ws";

const [, , file] = process.argv;
// WAL, synchronous=FULL: each event is a transaction, which is on the disk before its answer.
const store = createSqliteSyncStore(new DatabaseSync(file!));
await store.init();
const syncServer = createSyncServer({
  auth: { verifyToken: async (token) => ({ clientId: token, claims: {} }) },
  authz: { authorizeProject: async () => true },
  validation: { validate: async () => {} },
  // The types of the package do not fit each other.
  store: store as Parameters<typeof createSyncServer>[0]["store"],
  clock: { now: () => Date.now() },
  limits: { maxInboundMessagesPerWindow: 1_000_000_000 },
});
const wsServer = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
createWsServerRuntime({ wsServer, syncServer, keepAliveIntervalMs: 0 });
await once(wsServer, "listening");
process.send!({ port: (wsServer.address() as AddressInfo).port });
