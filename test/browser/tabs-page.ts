// The page for the tests of several tabs: `page.evaluate` calls its functions.
import { createClient } from "../../src/client/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";

function newClient(url: string, partition: string, tabs: boolean | undefined) {
  return createClient({ url, partition, model: insieme, ...(tabs === undefined ? {} : { tabs }) });
}

let client: ReturnType<typeof newClient>;
/** The outcome of each draft. */
const verdicts: Record<string, string> = {};
/** Statuses that the client reported. */
const statuses: string[] = [];

export const tabsPage = {
  open(url: string, partition: string, tabs?: boolean): void {
    client = newClient(url, partition, tabs);
    client.on("status", ({ status, reason }) => statuses.push(`${status} ${reason}`));
  },
  /** Submits a note of each name. */
  submit(names: string[]): void {
    for (const name of names) {
      void client
        .submit("set", { target: `notes.${name}`, value: name })
        .then(({ status }) => (verdicts[name] = status));
    }
  },
  view: () => ({
    notes: Object.keys((client.state["notes"] ?? {}) as object).toSorted(),
    status: client.status.status,
    pending: client.pending.length,
    durable: client.durable,
    eventId: client.eventId,
    clientId: client.clientId,
  }),
  verdicts: () => verdicts,
  statuses: () => statuses,
  verify: () => client.verify(),
  show: (at: string) => client.setPresence({ at }),
  close: () => client.close(),
};
Object.assign(globalThis, { tabsPage });
