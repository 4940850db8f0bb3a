// The page for the tests of hard networks: `page.evaluate` calls its functions.
import { createClient } from "../../src/client/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";

type InsiemeClient = ReturnType<typeof newClient>;
const newClient = (url: string, partition: string) =>
  createClient({ url, partition, model: insieme, clientId: "page", presence: true });

const clients = new Map<string, InsiemeClient>();

export const networksPage = {
  open(url: string, partitions: string[]): void {
    for (const partition of partitions) {
      const client = newClient(url, partition);
      client.setPresence({ at: partition });
      clients.set(partition, client);
    }
  },
  statuses: () => [...clients.values()].map(({ status }) => status.status),
  /** Submits one event to each partition, and returns what became of them. */
  submit: async (value: number) =>
    Promise.all(
      [...clients.values()].map(async (client) => (await client.submit("set", { target: "n", value })).status),
    ),
  states: () => [...clients.values()].map(({ state }) => (state as { theirs?: unknown }).theirs),
  peers: () => [...clients.values()].map(({ peers }) => peers.length),
  close: async () => Promise.all([...clients.values()].map((client) => client.close())),
};
Object.assign(globalThis, { networksPage });
