// The page for the tests of storage that fails: `page.evaluate` calls its functions.
import { createClient } from "../../src/client/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";

const newClient = (url: string, partition: string) => createClient({ url, partition, model: insieme });

let client: ReturnType<typeof newClient>;
const reasons: string[] = [];
let release = (): void => {};

function database(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("partita-queue");
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error!));
  });
}

/** The number of rows of an object store. */
async function countOf(name: string): Promise<number> {
  // Opening would make an empty one.
  if ((await indexedDB.databases()).length === 0) return 0;
  const opened = await database();
  const request = opened.transaction(name).objectStore(name).count();
  const count = await new Promise<number>((resolve) =>
    request.addEventListener("success", () => resolve(request.result)),
  );
  opened.close();
  return count;
}

export const storagePage = {
  open(url: string, partition: string): void {
    client = newClient(url, partition);
    client.on("degraded", ({ reason }) => reasons.push(reason));
  },
  set(target: string): void {
    void client.submit("set", { target, value: true });
  },
  pause: () => client.pause(),
  resume: () => client.resume(),
  flushed: () => client.flushed(),
  view: () => ({
    state: Object.keys(client.state).toSorted(),
    pending: client.pending.length,
    durable: client.durable,
    status: client.status.status,
  }),
  reasons: () => reasons,
  rows: async () => ({ entries: await countOf("entries"), devices: await countOf("devices") }),
  /** Keeps a transaction running, so that those of other pages wait. */
  async hold(): Promise<void> {
    const opened = await database();
    const store = opened.transaction(["entries", "bases", "devices"], "readwrite").objectStore("devices");
    let held = true;
    release = () => (held = false);
    const again = (): void => {
      if (held) store.get("none").addEventListener("success", again);
      else opened.close();
    };
    await new Promise<void>((resolve) => {
      store.get("none").addEventListener("success", () => {
        resolve();
        again();
      });
    });
  },
  release: () => release(),
};
Object.assign(globalThis, { storagePage });
