import { push, type PushDraft } from "./drafts.ts";
import { root } from "./tree.ts";

interface Entry {
  name: string;
  children?: Entry[];
}

const sample: Entry[] = [
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

/** Drafts that add sample files to an empty tree, parents before children. */
export function sampleFiles(): PushDraft[] {
  const drafts: PushDraft[] = [];
  const visit = (entries: readonly Entry[], parent: string, path: string) => {
    for (const { name, children } of entries) {
      // Fixed ids: if both panes do this at once, the second is rejected, and nothing is there twice.
      const id = `${path}/${name}`;
      drafts.push(push({ id, name, type: children ? "folder" : "file" }, parent, "last"));
      visit(children ?? [], id, id);
    }
  };
  visit(sample, root, "/sample");
  return drafts;
}
