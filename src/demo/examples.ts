import { newId, push, type PushDraft } from "./drafts.ts";
import type { Pane } from "./pane.ts";
import { Examples } from "./play.ts";
import { root, target } from "./tree.ts";

function add(pane: Pane, node: PushDraft["payload"]["value"], parent: string): void {
  pane.submitter.submit("treePush", push(node, parent, "first").payload);
}

function remove(pane: Pane, id: string): void {
  pane.submitter.submit("treeDelete", { target, options: { id } });
}

/** The conflicts of the demo of files. */
export function offerExamples(panes: { left: Pane; right: Pane }): void {
  const { left, right } = panes;
  const examples = new Examples([left, right]);
  const cleanAway = (folder: string) => {
    if (left.has(folder)) remove(left, folder);
    for (const pane of [left, right]) pane.dismissAbout(folder);
  };

  let trip = "";
  examples.offer("same-folder", {
    /** The first is accepted, and the rejection of the second is shown below it. */
    async play({ tell, conclude, reconnect }) {
      trip = newId("trip");
      left.connect(false);
      right.connect(false);
      for (const [pane, name, file] of [
        [left, "Trip to Lisbon", "flights.pdf"],
        [right, "Trip to Porto", "trains.pdf"],
      ] as const) {
        add(pane, { id: trip, name, type: "folder" }, root);
        add(pane, { id: newId(file), name: file, type: "file" }, trip);
        pane.show(trip);
      }
      await tell("Both have lost the network, and both add the folder of the trip, with a file in it.");
      await reconnect(left);
      await tell(`${left.person} is back first: the folder is now “Trip to Lisbon”.`);
      await reconnect(right);
      await conclude(
        `${right.person} is back second: this folder is rejected, and the reason is shown. The file is kept, in the folder of ${left.person}.`,
      );
    },
    clean: () => cleanAway(trip),
  });

  let drafts = "";
  examples.offer("lost-folder", {
    /** The drafts that depend on the folder fall. */
    async play({ tell, conclude, reconnect }) {
      drafts = newId("drafts");
      add(left, { id: drafts, name: "Drafts", type: "folder" }, root);
      await reconnect(left);
      await tell(`${left.person} adds a folder “Drafts”.`);
      left.connect(false);
      right.connect(false);
      const ideas = newId("ideas");
      add(right, { id: ideas, name: "Ideas", type: "folder" }, drafts);
      add(right, { id: newId("a"), name: "first.md", type: "file" }, ideas);
      right.show(drafts);
      remove(left, drafts);
      await tell(`Both have lost the network. ${left.person} deletes “Drafts”, ${right.person} adds to it.`);
      await reconnect(left);
      await tell(`${left.person} is back first: “Drafts” is gone.`);
      await reconnect(right);
      await conclude(`${right.person} is back second: there is no folder to add to, so both additions are taken back.`);
    },
    clean: () => cleanAway(drafts),
  });
}
