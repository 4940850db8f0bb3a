import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { createSqliteSyncStore, createSyncServer, createWsServerRuntime } from "insieme/node";
import { WebSocketServer } from "ws";
import type { Grant, InsiemeServer, Message } from "./lab.ts";

/** What the model of the other server refuses, too. */
function validate({ type, payload }: Message): void {
  if (type.startsWith("admin.")) throw Object.assign(new Error("not allowed"), { code: "forbidden" });
  if (payload.key === "") throw Object.assign(new Error("a key is missing"), { code: "validation_failed" });
}

/** The server of the package, with its SQLite store, in this process. */
export class TheirServer implements InsiemeServer {
  readonly leavesGap = true;
  readonly #sockets: WebSocketServer;
  readonly #database: DatabaseSync;

  private constructor(sockets: WebSocketServer, database: DatabaseSync) {
    this.#sockets = sockets;
    this.#database = database;
  }

  /** `file`: of its database; absent: in memory. */
  static async start(file = ":memory:"): Promise<TheirServer> {
    const database = new DatabaseSync(file);
    const store = createSqliteSyncStore(database);
    await store.init();
    const syncServer = createSyncServer({
      auth: {
        verifyToken: async (token) => {
          const { clientId, projectId, expiresAt } = JSON.parse(token) as Required<Grant>;
          if (expiresAt <= Date.now()) throw new Error("expired");
          return { clientId, claims: { projectId, expiresAt } };
        },
        validateSession: async ({ claims }) => (claims as Required<Grant>).expiresAt > Date.now(),
      },
      authz: {
        authorizeProject: async (identity, projectId) => (identity as { claims: Grant }).claims.projectId === projectId,
      },
      validation: { validate: async (item) => validate(item) },
      // The types of the package do not fit each other.
      store: store as Parameters<typeof createSyncServer>[0]["store"],
      clock: { now: () => Date.now() },
      limits: { maxInboundMessagesPerWindow: 1_000_000 },
    });
    const sockets = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
    createWsServerRuntime({ wsServer: sockets, syncServer });
    await once(sockets, "listening");
    return new TheirServer(sockets, database);
  }

  address(): string {
    return `ws://127.0.0.1:${(this.#sockets.address() as AddressInfo).port}`;
  }

  async token({ clientId, projectId, expiresAt = Date.now() + 3_600_000 }: Grant): Promise<string> {
    return JSON.stringify({ clientId, projectId, expiresAt });
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    await once(this.#sockets, "close");
    this.#database.close();
  }
}
