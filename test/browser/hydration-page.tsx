import { Suspense, useState } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { createClient, indexedDbStore, type Snapshot } from "../../src/client/index.ts";
import { createPartitionHooks } from "../../src/client/react.ts";
import { createSuspenseHook } from "../../src/client/react-suspense.ts";
import { insieme } from "../../src/models/insieme/index.ts";

const hooks = createPartitionHooks<typeof insieme>();
const { PartitionProvider, usePartition, useStatus, usePending, usePeers } = hooks;
const useSuspensePartition = createSuspenseHook(hooks);
type State = { title?: string; list?: Record<string, number> };

/** Everything that a page can show of a client. */
function Page() {
  const title = usePartition((state) => (state as State).title);
  const list = usePartition((state) => Object.entries((state as State).list ?? {}));
  const { status, loaded } = useStatus();
  const waits = usePending().length;
  const peers = usePeers().length;
  const [clicks, setClicks] = useState(0);
  return (
    <button onClick={() => setClicks(clicks + 1)}>
      {title} {list.join()} {status} {String(loaded)} {waits} {peers} {clicks}
    </button>
  );
}

function Title() {
  return <b>{useSuspensePartition((state) => (state as State).title ?? "the initial state")}</b>;
}

const options = (url: string, partition: string) => ({
  url,
  partition,
  model: insieme,
  principal: "ada",
  store: indexedDbStore(),
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => requestAnimationFrame(resolve));
}

/** For the page: what a server renders, and what the page makes of it. */
export const hydrationPage = {
  /** Submits a draft that stays queued. */
  async queue(url: string, partition: string) {
    const client = createClient(options(url, partition));
    client.pause();
    void client.submit("set", { target: "title", value: "queued" });
    await until(() => client.durable);
    await client.close();
  },

  /** What a server has: a client with the state. */
  async serve(url: string, partition: string): Promise<Snapshot> {
    const client = createClient({ url, partition, model: insieme, principal: "server" });
    await client.ready;
    await client.submit("set", { target: "title", value: "of the server" });
    await client.submit("set", { target: "list", value: { a: 1 } });
    const snapshot = client.dehydrate()!;
    await client.close();
    return snapshot;
  },

  /** Renders as a server does, and hydrates that. Returns what was shown, and what React complained about. */
  async hydrate(url: string, partition: string, initial: Snapshot) {
    const served = createClient({ ...options(url, partition), initial, connect: false });
    const html = renderToString(
      <PartitionProvider client={served}>
        <Page />
      </PartitionProvider>,
    );
    const root = document.createElement("div");
    root.innerHTML = html;
    document.body.append(root);
    const button = root.firstChild;
    const client = createClient({ ...options(url, partition), initial });
    client.pause();
    // The queued draft is known, and not rendered by the server.
    await until(() => client.pending.length > 0);
    const complaints: string[] = [];
    const shown: string[] = [root.textContent!];
    const observer = new MutationObserver(() => shown.push(root.textContent!));
    observer.observe(root, { subtree: true, childList: true, characterData: true });
    hydrateRoot(
      root,
      <PartitionProvider client={client}>
        <Page />
      </PartitionProvider>,
      { onRecoverableError: (error) => complaints.push(String(error)) },
    );
    await until(() => root.textContent!.includes("paused") || root.textContent!.includes(" 1 0 0"));
    (button as HTMLElement).click();
    await until(() => root.textContent!.endsWith("1"));
    const paused = { waits: client.pending.map(({ waiting }) => waiting), title: client.state };
    client.resume();
    await until(() => client.pending.length === 0 && root.textContent!.includes("queued"));
    await until(() => root.textContent!.includes("online"));
    const same = root.firstChild === button;
    observer.disconnect();
    await client.close();
    return { first: shown[0]!, last: shown.at(-1)!, complaints, same, paused };
  },

  /** Shows a fallback until the state is there. */
  async suspend(url: string, partition: string) {
    const root = document.createElement("div");
    document.body.append(root);
    const client = createClient({ url, partition, model: insieme, principal: "eve" });
    client.pause();
    const { createRoot } = await import("react-dom/client");
    createRoot(root).render(
      <PartitionProvider client={client}>
        <Suspense fallback="loading">
          <Title />
        </Suspense>
      </PartitionProvider>,
    );
    await until(() => root.textContent !== "");
    const first = root.textContent;
    client.resume();
    await until(() => root.textContent !== "loading");
    const last = root.textContent;
    await client.close();
    return { first, last };
  },
};

Object.assign(globalThis, { hydrationPage });
