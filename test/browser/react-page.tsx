// The page for the tests of the React hooks: each scenario renders, makes changes, and returns what was rendered.
import { memo, StrictMode, startTransition, useLayoutEffect, useState } from "react";
import { flushSync } from "react-dom";
import { createRoot, type Root } from "react-dom/client";
import { createClient, memoryStore } from "../../src/client/index.ts";
import { createPartitionHooks } from "../../src/client/react.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import type { JsonObject } from "../../src/protocol/index.ts";

const { PartitionProvider, useClient, usePartition, usePeers, usePending, useStatus, useSubmit, useUndo } =
  createPartitionHooks<typeof insieme>();

type Client = ReturnType<typeof useClient>;
/** With more pending drafts than this, changes are reported together. */
const manyPending = 300;

/** A client, and the number of its listeners. */
function counted(client: Client): { client: Client; listeners: () => number } {
  let listeners = 0;
  const subscribe = client.subscribe.bind(client);
  client.subscribe = (listener) => {
    listeners++;
    const stop = subscribe(listener);
    return () => {
      listeners--;
      stop();
    };
  };
  return { client, listeners: () => listeners };
}

/** A client without a network: its drafts are in its state, and stay pending. */
async function offlineClient() {
  const client = createClient({
    url: "http://127.0.0.1:1",
    partition: "react",
    model: insieme,
    clientId: "me",
    store: memoryStore(),
  });
  client.pause();
  while (client.status.reason !== "paused") await painted();
  return counted(client);
}

function set(client: Client, target: string, value: unknown): void {
  void client.submit("set", { target, value });
}

/** Resolves when all reported changes are on the screen. */
async function painted(): Promise<void> {
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
}

function mount(): { root: Root; text: () => string } {
  const container = document.createElement("div");
  document.querySelector("main")!.append(container);
  return { root: createRoot(container), text: () => container.textContent };
}

/** The number of renders of each component. */
class Renders {
  readonly of: Record<string, number> = {};

  count(name: string): void {
    this.of[name] = (this.of[name] ?? 0) + 1;
  }

  take(): Record<string, number> {
    const taken = { ...this.of };
    for (const name of Object.keys(this.of)) delete this.of[name];
    return taken;
  }
}

const sameList = (a: readonly unknown[], b: readonly unknown[]) =>
  a.length === b.length && a.every((item, at) => Object.is(item, b[at]));

const scenarios = {
  /** Components that select different things, while one of them changes. */
  async selections() {
    const { client } = await offlineClient();
    const renders = new Renders();
    const Title = () => {
      renders.count("title");
      return <i>{usePartition((state) => state["title"] as string)}</i>;
    };
    const Count = () => {
      renders.count("count");
      return <i>{usePartition((state) => state["count"] as number)}</i>;
    };
    const Docs = () => {
      renders.count("docs");
      const docs = usePartition((state) => state["docs"] as JsonObject | undefined);
      return <i>{JSON.stringify(docs)}</i>;
    };
    const Status = () => {
      renders.count("status");
      return <i>{useStatus().status}</i>;
    };
    const Pending = () => {
      renders.count("pending");
      return <i>{usePending().length}</i>;
    };
    const Peers = () => {
      renders.count("peers");
      return <i>{usePeers().length}</i>;
    };
    set(client, "title", "a");
    set(client, "docs", { one: { text: "x" } });
    const { root, text } = mount();
    flushSync(() =>
      root.render(
        <PartitionProvider client={client}>
          <Title />|<Count />|<Docs />|<Status />|<Pending />|<Peers />
        </PartitionProvider>,
      ),
    );
    await painted();
    const first = { renders: renders.take(), text: text() };
    for (let count = 1; count <= 3; count++) {
      set(client, "count", count);
      await painted();
    }
    const counted = { renders: renders.take(), text: text() };
    // The same value again: a new event, but the same state.
    set(client, "title", "a");
    await painted();
    const same = { renders: renders.take(), text: text() };
    await client.close();
    await painted();
    const closed = { renders: renders.take(), text: text() };
    root.unmount();
    return { first, counted, same, closed };
  },

  /** A selector that makes a new object each time, with and without `isEqual`. */
  async newObjects() {
    const { client } = await offlineClient();
    const renders = new Renders();
    const keysOf = (state: JsonObject) => Object.keys((state["items"] ?? {}) as JsonObject);
    const Compared = () => {
      renders.count("compared");
      return <i>{usePartition(keysOf as never, sameList).join()}</i>;
    };
    const List = memo(({ keys }: { keys: string[] }) => {
      renders.count("list");
      return <i>{keys.join()}</i>;
    });
    const Inline = () => {
      renders.count("inline");
      return <List keys={usePartition((state) => keysOf(state as JsonObject), sameList)} />;
    };
    const Careless = () => {
      renders.count("careless");
      return <i>{usePartition((state) => keysOf(state as JsonObject)).join()}</i>;
    };
    set(client, "items.a", 1);
    const { root, text } = mount();
    const render = () =>
      flushSync(() =>
        root.render(
          <PartitionProvider client={client}>
            <Compared />|<Inline />|<Careless />
          </PartitionProvider>,
        ),
      );
    render();
    await painted();
    const first = { renders: renders.take(), text: text() };
    set(client, "other", 1);
    await painted();
    const other = { renders: renders.take(), text: text() };
    set(client, "items.b", 1);
    await painted();
    const added = { renders: renders.take(), text: text() };
    render();
    const again = { renders: renders.take(), text: text() };
    root.unmount();
    await client.close();
    return { first, other, added, again };
  },

  /** A selector over a prop, which changes. */
  async props() {
    const { client } = await offlineClient();
    const seen: string[] = [];
    const Item = ({ id }: { id: string }) => {
      const value = usePartition((state) => (state["items"] as JsonObject)[id] as string);
      seen.push(`${id}=${value}`);
      return <i>{value}</i>;
    };
    set(client, "items.a", "A");
    set(client, "items.b", "B");
    const { root, text } = mount();
    const show = (id: string) =>
      flushSync(() =>
        root.render(
          <PartitionProvider client={client}>
            <Item id={id} />
          </PartitionProvider>,
        ),
      );
    show("a");
    show("b");
    set(client, "items.a", "no longer shown");
    await painted();
    set(client, "items.b", "B2");
    await painted();
    const shown = text();
    root.unmount();
    await client.close();
    return { seen, shown };
  },

  /** `useSubmit`: the functions that it returned, for one client and then another. */
  async submit() {
    const [{ client: one }, { client: other }] = [await offlineClient(), await offlineClient()];
    const given: unknown[] = [];
    const Button = () => {
      const submit = useSubmit();
      given.push(submit);
      const [clicks, click] = useState(0);
      const count = usePartition((state) => state["count"] as number);
      return (
        <button
          onClick={() => {
            click(clicks + 1);
            void submit("set", { target: "count", value: clicks + 1 });
          }}
        >
          {clicks}/{count}
        </button>
      );
    };
    const { root, text } = mount();
    const show = (client: Client) =>
      flushSync(() =>
        root.render(
          <PartitionProvider client={client}>
            <Button />
          </PartitionProvider>,
        ),
      );
    show(one);
    for (let click = 0; click < 3; click++) {
      document.querySelector("button")!.click();
      await painted();
    }
    const first = { functions: new Set(given).size, renders: given.length, text: text() };
    show(other);
    document.querySelector("button")!.click();
    await painted();
    const second = { functions: new Set(given).size, one: one.pending.length, other: other.pending.length };
    root.unmount();
    await Promise.all([one.close(), other.close()]);
    return { first, second };
  },

  /** The number of listeners in strict mode, after a change of the client, and at the end. */
  async listeners() {
    const one = await offlineClient();
    const other = await offlineClient();
    set(one.client, "title", "one");
    set(other.client, "title", "other");
    const Title = () => <i>{usePartition((state) => state["title"] as string)}</i>;
    const Both = () => (
      <>
        <Title />
        <i>{useStatus().reason}</i>
        <i>{usePending().length}</i>
      </>
    );
    const { root, text } = mount();
    const show = (client: Client) =>
      flushSync(() =>
        root.render(
          <StrictMode>
            <PartitionProvider client={client}>
              <Both />
            </PartitionProvider>
          </StrictMode>,
        ),
      );
    const now = () => ({ one: one.listeners(), other: other.listeners(), text: text() });
    show(one.client);
    const first = now();
    set(one.client, "title", "one, changed");
    await painted();
    const changed = now();
    show(other.client);
    const switched = now();
    set(one.client, "title", "without a component");
    set(other.client, "title", "other, changed");
    await painted();
    const after = now();
    root.unmount();
    const unmounted = now();
    await Promise.all([one.client.close(), other.client.close()]);
    return { first, changed, switched, after, unmounted };
  },

  /** A component that changes the state before its siblings subscribe. */
  async early() {
    const { client } = await offlineClient();
    set(client, "count", 0);
    const Count = () => <i>{usePartition((state) => state["count"] as number)}</i>;
    const Changer = () => {
      useLayoutEffect(() => set(client, "count", 1), []);
      return <Count />;
    };
    const { root, text } = mount();
    root.render(
      <PartitionProvider client={client}>
        <Count />
        <Changer />
        <Count />
      </PartitionProvider>,
    );
    await painted();
    await painted();
    const shown = text();
    root.unmount();
    await client.close();
    return shown;
  },

  /**
   * Many slow components that show the same value, in transitions that React interrupts, while the
   * state changes: the values that were on the screen together.
   */
  async tearing() {
    const { client } = await offlineClient();
    set(client, "count", 0);
    const components = 60;
    const slowMs = 2;
    /** The values that the current render has read. */
    let read = new Set<number>();
    let interrupted = 0;
    const Slow = memo(({ round }: { round: number }) => {
      const count = usePartition((state) => state["count"] as number);
      read.add(count);
      const until = performance.now() + slowMs;
      while (performance.now() < until);
      return <b data-round={round}>{count}</b>;
    });
    let nextRound: (round: number) => void;
    const All = () => {
      const [round, setRound] = useState(0);
      nextRound = setRound;
      return Array.from({ length: components }, (_, at) => <Slow key={`${round}.${at}`} round={round} />);
    };
    const { root } = mount();
    const torn: string[] = [];
    const look = () => {
      const shown = new Set([...document.querySelectorAll("b")].map((element) => element.textContent));
      if (shown.size > 1) torn.push([...shown].join());
    };
    const observer = new MutationObserver(look);
    observer.observe(document.querySelector("main")!, { subtree: true, childList: true, characterData: true });
    root.render(
      <PartitionProvider client={client}>
        <All />
      </PartitionProvider>,
    );
    await painted();
    let count = 0;
    for (let round = 1; round <= 5; round++) {
      read = new Set();
      startTransition(() => nextRound(round));
      for (let change = 0; change < 3; change++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        set(client, "count", ++count);
      }
      while (document.querySelector("b")?.dataset["round"] !== String(round)) await painted();
      // In one transition, components that were rendered before a change and after it.
      if (read.size > 1) interrupted++;
      await painted();
      look();
    }
    const shown = new Set([...document.querySelectorAll("b")].map((element) => element.textContent));
    observer.disconnect();
    root.unmount();
    await client.close();
    return { torn, interrupted, updates: count, shown: [...shown].join(), count };
  },

  /** With enough pending drafts that changes are delayed: a component that renders meanwhile, next to one that does not. */
  async putOff() {
    const { client } = await offlineClient();
    const reports: string[] = [];
    client.on("fallen", () => reports.push("fallen"));
    for (let at = 0; at < manyPending; at++) set(client, `many.n${at}`, at);
    set(client, "count", 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const Count = () => <i>{usePartition((state) => state["count"] as number)}</i>;
    let again: (times: number) => void;
    const Restless = () => {
      const [times, setTimes] = useState(0);
      again = setTimes;
      return <b data-times={times}>{usePartition((state) => state["count"] as number)}</b>;
    };
    const { root, text } = mount();
    flushSync(() =>
      root.render(
        <PartitionProvider client={client}>
          <Count />|<Restless />
        </PartitionProvider>,
      ),
    );
    set(client, "count", 1);
    flushSync(() => again(1));
    // Before the browser can paint.
    await Promise.resolve();
    await Promise.resolve();
    const shown = text();
    root.unmount();
    await client.close();
    return shown;
  },

  /** Buttons for undo and redo, and how often they were rendered. */
  async undo() {
    const { client, listeners } = await offlineClient();
    let renders = 0;
    const Buttons = () => {
      const { undo, redo, canUndo, canRedo, undoLabel, redoLabel } = useUndo();
      renders++;
      return (
        <>
          <button id="undo" disabled={!canUndo} onClick={() => void undo()}>
            {`undo ${undoLabel}`}
          </button>
          <button id="redo" disabled={!canRedo} onClick={() => void redo()}>
            {`redo ${redoLabel}`}
          </button>
        </>
      );
    };
    const { root } = mount();
    flushSync(() =>
      root.render(
        <PartitionProvider client={client}>
          <Buttons />
        </PartitionProvider>,
      ),
    );
    const buttons = () =>
      [...document.querySelectorAll("button")].map(({ disabled, textContent }) => `${textContent} ${!disabled}`);
    const shows = async (expected: string) => {
      while (buttons().join() !== expected) await painted();
    };
    const shown = [buttons().join()];
    client.group("the title", () => set(client, "title", "mine"));
    await shows("undo the title true,redo undefined false");
    document.querySelector<HTMLButtonElement>("#undo")!.click();
    await shows("undo undefined false,redo the title true");
    const undone = client.state["title"];
    document.querySelector<HTMLButtonElement>("#redo")!.click();
    await shows("undo the title true,redo undefined false");
    const rendered = renders;
    root.unmount();
    const result = { shown, undone, redone: client.state["title"], renders: rendered, listeners: listeners() };
    await client.close();
    return result;
  },

  /** Two clients of one server: the components of one show the changes of the other. */
  async server(url: string, partition: string) {
    const clientOf = (clientId: string) =>
      createClient({ url, partition, model: insieme, clientId, presence: true, store: memoryStore(), tabs: false });
    const [me, you] = [clientOf("me"), clientOf("you")];
    const Board = () => {
      const title = usePartition((state) => state["title"] as string | undefined);
      return (
        <i>
          {useStatus().status} {title} {usePending().length} {usePeers().map(({ clientId }) => clientId)}
        </i>
      );
    };
    const { root, text } = mount();
    const shown: string[] = [];
    const observer = new MutationObserver(() => shown.push(text()));
    observer.observe(document.querySelector("main")!, { subtree: true, childList: true, characterData: true });
    root.render(
      <PartitionProvider client={me}>
        <Board />
      </PartitionProvider>,
    );
    const shows = async (expected: string) => {
      while (text() !== expected) await painted();
    };
    await shows("online  0 ");
    you.setPresence({ here: true });
    await shows("online  0 you");
    const verdict = await you.submit("set", { target: "title", value: "yours" });
    await shows("online yours 0 you");
    const mine = me.submit("set", { target: "title", value: "mine" }, { expectedEventId: 0 });
    const rejection = await mine;
    await shows("online yours 0 you");
    await you.close();
    await shows("online yours 0 ");
    root.unmount();
    await me.close();
    return { verdict: verdict.status, rejection: rejection.status, shown };
  },
};

export const reactPage = scenarios;
Object.assign(globalThis, { reactPage });
