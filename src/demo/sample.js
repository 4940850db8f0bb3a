/** @import { DraftEvent } from "./connection.js" */
import { root, target } from "./tree.js";

/** @typedef {{ name: string, children?: Entry[] }} Entry */

/** @type {Entry[]} */
const sample = [
  {
    name: "Garden house",
    children: [
      { name: "Drawings", children: [{ name: "floor plan.svg" }, { name: "north wall.svg" }] },
      { name: "Orders", children: [{ name: "timber.csv" }, { name: "windows.csv" }, { name: "screws.csv" }] },
      { name: "permit.pdf" },
      { name: "schedule.md" },
    ],
  },
  { name: "Recipes", children: [{ name: "bread.md" }, { name: "plum cake.md" }] },
  { name: "notes.md" },
];

/**
 * Drafts that put some files into an empty tree, parents before children.
 *
 * @returns {{ event: DraftEvent, about: string, label: string }[]}
 */
export function sampleFiles() {
  /** @type {ReturnType<typeof sampleFiles>} */
  const drafts = [];
  /** @param {Entry[]} entries @param {string} parent @param {string} path */
  const visit = (entries, parent, path) => {
    for (const { name, children } of entries) {
      // Fixed ids: should both panes do this at once, the second is refused and nothing is there twice.
      const id = `${path}/${name}`;
      const value = { id, name, type: children ? "folder" : "file" };
      const event = { type: "treePush", payload: { target, value, options: { parent, position: "last" } } };
      drafts.push({ event, about: parent, label: `add “${name}”` });
      visit(children ?? [], id, id);
    }
  };
  visit(sample, root, "/sample");
  return drafts;
}
