import { isJsonObject, type JsonObject } from "../protocol/index.ts";
import { newId, push } from "./drafts.ts";
import type { Pane } from "./pane.ts";
import { part, say } from "./page.ts";
import type { InsiemeClient } from "./submitter.ts";
import { root, target } from "./tree.ts";

/** The time limit for both panes to have the same state before an example starts. */
const readyMsMax = 10_000;

interface Panes {
  left: Pane;
  right: Pane;
}

/** Example conflicts: each one prepares the tree, takes both panes offline, and makes both edit. */
export function offerExamples(panes: Panes): void {
  const said = part(document, "example-said");
  const offer = (name: string, prepare: (panes: Panes) => Promise<() => string>) => {
    const button = part(document, name, HTMLButtonElement);
    button.addEventListener("click", async () => {
      button.disabled = true;
      say(said, await run(panes, prepare));
      button.disabled = false;
    });
  };
  offer("same-folder", sameFolder);
  offer("lost-folder", lostFolder);
}

async function run(panes: Panes, prepare: (panes: Panes) => Promise<() => string>): Promise<string> {
  const { left, right } = panes;
  left.connect(true);
  right.connect(true);
  let edit: () => string;
  try {
    await until(left.client, ({ status }) => status.status === "online");
    await until(right.client, ({ status }) => status.status === "online");
    edit = await prepare(panes);
  } catch {
    return "Both panes have to be online first.";
  }
  left.connect(false);
  right.connect(false);
  return edit();
}

/** Both add a folder with the same id: the first is accepted, and the rejection of the second is shown below it. */
async function sameFolder({ left, right }: Panes): Promise<() => string> {
  const folder = newId("trip");
  return () => {
    for (const [{ submitter }, name, file] of [
      [left, "Trip to Lisbon", "flights.pdf"],
      [right, "Trip to Porto", "trains.pdf"],
    ] as const) {
      submitter.submit("treePush", push({ id: folder, name, type: "folder" }, root, "first").payload);
      submitter.submit("treePush", push({ id: newId(file), name: file, type: "file" }, folder, "first").payload);
    }
    return "Both are offline now and have added a folder under one id. Reconnect one, then the other: the first wins.";
  };
}

/** One deletes a folder, the other adds to it: the drafts that depend on the folder fall. */
async function lostFolder({ left, right }: Panes): Promise<() => string> {
  const folder = newId("drafts");
  const inner = newId("ideas");
  left.submitter.submit("treePush", push({ id: folder, name: "Drafts", type: "folder" }, root, "first").payload);
  await until(right.client, ({ state }) => has(state, folder));
  return () => {
    const { payload } = push({ id: inner, name: "Ideas", type: "folder" }, folder, "first");
    right.submitter.submit("treePush", payload);
    right.submitter.submit(
      "treePush",
      push({ id: newId("a"), name: "first.md", type: "file" }, inner, "first").payload,
    );
    left.submitter.submit("treeDelete", { target, options: { id: folder } });
    return "Both are offline now: left has deleted “Drafts”, right has added to it. Reconnect the left one first.";
  };
}

function has(state: JsonObject, id: string): boolean {
  const { items } = isJsonObject(state[target]) ? state[target] : {};
  return isJsonObject(items) && Object.hasOwn(items, id);
}

/** Resolves when `is` is true for the client; rejects after `readyMsMax`. */
async function until(client: InsiemeClient, is: (client: InsiemeClient) => boolean): Promise<void> {
  if (is(client)) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      stop();
      reject(new Error("the client did not get there in time"));
    }, readyMsMax);
    const stop = client.subscribe(() => {
      if (!is(client)) return;
      clearTimeout(timer);
      stop();
      resolve();
    });
  });
}
