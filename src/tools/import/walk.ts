import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** One entry of a folder tree. */
export interface Entry {
  /** Relative to the walked folder, separated by `/`. */
  path: string;
  /** The path of the folder it is in; undefined at the top. */
  parent: string | undefined;
  name: string;
  type: "folder" | "file" | "link";
}

/** The entries of a folder tree, folders before their contents; and the skipped ones, with the reason. */
export interface Walk {
  entries: Entry[];
  left: { path: string; why: string }[];
}

/** The most entries of one import, bounded by the state of a partition and the memory of this process. */
const entriesMax = 100_000;

/**
 * Lists everything below `folder`, sorted by name. Symbolic links are entries, and are not followed.
 *
 * @throws Error if `folder` cannot be read, or has more than 100,000 entries.
 */
export async function walk(folder: string): Promise<Walk> {
  const found: Walk = { entries: [], left: [] };
  await list(folder, undefined, found);
  // The list grows while it is read.
  for (const { path, type } of found.entries) {
    if (type !== "folder") continue;
    try {
      await list(join(folder, path), path, found);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      found.left.push({ path: `${path}/*`, why: (error as Error).message });
    }
  }
  return found;
}

async function list(folder: string, parent: string | undefined, found: Walk): Promise<void> {
  const inFolder: Entry[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const { name } = entry;
    const path = parent === undefined ? name : `${parent}/${name}`;
    // Node replaces bytes that are not UTF-8 by U+FFFD, so two such names could become the same.
    if (name.includes("\uFFFD")) found.left.push({ path, why: "its name is not UTF-8" });
    else if (entry.isDirectory()) inFolder.push({ path, parent, name, type: "folder" });
    else if (entry.isFile()) inFolder.push({ path, parent, name, type: "file" });
    else if (entry.isSymbolicLink()) inFolder.push({ path, parent, name, type: "link" });
    else found.left.push({ path, why: "it is neither a folder nor a file nor a link" });
  }
  if (found.entries.length + inFolder.length > entriesMax) {
    throw new RangeError(`more than ${entriesMax} entries: import a smaller folder`);
  }
  found.entries.push(...inFolder.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
}
