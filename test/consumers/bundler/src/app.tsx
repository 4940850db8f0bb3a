import { createClient, type PendingEntry, type Verdict } from "partita/client";
import { indexedDbStore } from "partita/client/indexeddb";
import { createPartitionHooks } from "partita/react";
import { createSuspenseHook } from "partita/react/suspense";
import { seats } from "../shared/seats.js";

const hooks = createPartitionHooks<typeof seats>();
const { PartitionProvider, usePartition, useSubmit, usePending } = hooks;
const useSuspensePartition = createSuspenseHook(hooks);

function Seat({ id }: { id: string }) {
  const owner: string | undefined = usePartition((state) => state.taken[id]);
  const count: number = useSuspensePartition((state) => Object.keys(state.taken).length);
  const pending: readonly PendingEntry[] = usePending();
  const submit = useSubmit();
  const book = async () => {
    const verdict: Verdict = await submit("book", { seat: id, name: "Ada" });
    // @ts-expect-error -- `seat` is a text
    await submit("book", { seat: 1, name: "Ada" });
    return verdict;
  };
  return (
    <button type="button" onClick={book}>
      {owner ?? `free, ${count} taken, ${pending.length} pending`}
    </button>
  );
}

const client = createClient({ url: location.origin, partition: "hall-1", model: seats, store: indexedDbStore() });

export const App = () => (
  <PartitionProvider client={client}>
    <Seat id="A1" />
  </PartitionProvider>
);
