// The page for the tests of several users: `page.evaluate` calls its functions.
import { createClient, signOut } from "../../src/client/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";

let client: ReturnType<typeof newClient>;
const newClient = (url: string, partition: string, token: string) =>
  createClient({ url, partition, model: insieme, token: () => token });

/** The rows of the client's database whose scope ends with this text. */
async function rowsOf(scope: string): Promise<number> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open("partita-queue");
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error!));
  });
  const names = ["entries", "bases", "devices"];
  const transaction = database.transaction(names);
  const rows = await Promise.all(
    names.map(
      (name) =>
        new Promise<string[]>((resolve) => {
          const store = transaction.objectStore(name);
          const request = name === "entries" ? store.getAll() : store.getAllKeys();
          request.addEventListener("success", () => {
            // The key of an event after a base is [scope, event id].
            const scopes = (request.result as ({ scope: string } | string | [string, number])[]).map((row) =>
              typeof row === "string" ? row : Array.isArray(row) ? row[0] : row.scope,
            );
            resolve(name === "entries" ? scopes : [...new Set(scopes)]);
          });
        }),
    ),
  );
  database.close();
  return rows.flat().filter((one) => one.endsWith(scope)).length;
}

export const usersPage = {
  open(url: string, partition: string, token: string): void {
    client = newClient(url, partition, token);
  },
  set(target: string): void {
    void client.submit("set", { target, value: true });
  },
  /** A browser that reports no network keeps a connection that works. */
  pause(): void {
    client.pause();
  },
  view: () => ({
    state: Object.keys(client.state).toSorted(),
    pending: client.pending.length,
    principal: client.principal,
    status: `${client.status.status} ${client.status.reason}`,
  }),
  signOut: (principal: string, url: string, agreed: boolean) => signOut({ url, principal, confirm: () => agreed }),
  close: () => client.close(),
  rowsOf,
};
Object.assign(globalThis, { usersPage });
