// The page for the test of the hook for sagas: it pays from one bank to another, and keeps what was rendered of that.
import { memo } from "react";
import { createRoot } from "react-dom/client";
import { createClient, memoryStore } from "../../src/client/index.ts";
import { createPartitionHooks } from "../../src/client/react.ts";
import { createSagaHook } from "../../src/client/react-sagas.ts";
import { bank } from "../support/bank.ts";

const hooks = createPartitionHooks<typeof bank>();
const { PartitionProvider, usePartition, useStatus } = hooks;
const useSaga = createSagaHook(hooks);

type Client = ReturnType<typeof hooks.useClient>;

let client: Client;
/** Each text of a payment that was rendered, by its id, without those that are the same as the one before. */
const rendered: Record<string, string[]> = {};
/** How often a component has rendered, by the id of its payment. */
const renders: Record<string, number> = {};

// Memoized: what it renders for is its own saga, and not what the bank around it shows.
const Payment = memo(function Payment({ id }: { id: string }) {
  const saga = useSaga(id);
  const text = saga ? `${saga.state} ${saga.status}${saga.problem ? ` ${saga.problem.code}` : ""}` : "none";
  renders[id] = (renders[id] ?? 0) + 1;
  const texts = (rendered[id] ??= []);
  if (texts.at(-1) !== text) texts.push(text);
  return <p>{text}</p>;
});

function Bank({ ids }: { ids: readonly string[] }) {
  const status = useStatus();
  const balance = usePartition(({ accounts }) => accounts["ann"]?.balance);
  return (
    <>
      <output>{`${status.status} ${balance}`}</output>
      {ids.map((id) => (
        <Payment key={id} id={id} />
      ))}
    </>
  );
}

export const sagasPage = {
  /** Shows these payments of the first bank. */
  open(url: string, ids: readonly string[]): void {
    client = createClient({ url, partition: "bank-1", model: bank, clientId: "ann", store: memoryStore() });
    createRoot(document.querySelector("main")!).render(
      <PartitionProvider client={client}>
        <Bank ids={ids} />
      </PartitionProvider>,
    );
  },
  /** Starts a payment. Returns its verdict. */
  async pay(saga: string, to: string): Promise<string> {
    const input = { from: "ann", via: "bank-2", bank: "bank-3", to, amount: 100 };
    return (await client.submit("pay.start", { saga, input })).status;
  },
  pause: (): void => client.pause(),
  resume: (): void => client.resume(),
  shown: (): string[] => [...document.querySelectorAll("output, p")].map(({ textContent }) => textContent),
  rendered: (): Record<string, string[]> => rendered,
  renders: (): Record<string, number> => renders,
};

Object.assign(globalThis, { sagasPage });
