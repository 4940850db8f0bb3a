import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A generator of numbers from 0 to 1 (mulberry32): the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const oddNames = [
  "a b",
  "tree",
  "items",
  "_root",
  "constructor",
  "ünï → 木",
  '"quoted"',
  "back\\slash",
  "new\nline",
  "%2F",
];

/** Nested folders with names of 200 characters: their path is longer than a node's id may be. */
const longDepth = 8;

/**
 * Fills `folder` with a tree of at least `entries` entries: folders in folders, files, links (to
 * nothing, and to folders above), odd names, and paths longer than a node's id may be.
 */
export function growTree(folder: string, entries: number, random: () => number): void {
  const folders = [folder];
  const addFolder = (parent: string, name: string) => {
    const path = join(parent, name);
    mkdirSync(path);
    folders.push(path);
    return path;
  };
  for (const name of oddNames) addFolder(folder, name);
  for (let depth = 0, at = folder; depth < longDepth; depth++) at = addFolder(at, "long".repeat(50));
  for (let count = folders.length - 1; count < entries; count++) {
    const parent = folders[Math.floor(random() * folders.length)]!;
    const name = `entry-${count}`;
    const kind = random();
    if (kind < 0.15) addFolder(parent, name);
    else if (kind < 0.2) symlinkSync(kind < 0.17 ? "nowhere" : "..", join(parent, name));
    else writeFileSync(join(parent, name), "");
  }
}
