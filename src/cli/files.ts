import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Mistake } from "./mistake.ts";

/** What the system says, without its call and the path, which the message has already. */
const reasonOf = (error: unknown): string => (error as Error).message.split(",")[0]!;

/**
 * Makes a folder, and those above it, one after the other: where one cannot be made, as in /proc, the `recursive` of Node
 * tries for ever.
 *
 * @throws Mistake where one cannot be made, or is a file.
 */
export function makeFolder(path: string): void {
  try {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there?.isDirectory()) return;
    if (there) throw new Mistake(`${path} is a file, not a folder.`);
    makeFolder(dirname(path));
    mkdirSync(path);
  } catch (error) {
    throw error instanceof Mistake ? error : new Mistake(`The folder ${path} cannot be made: ${reasonOf(error)}.`);
  }
}

/** Why a file was not written. */
export const unwritable = (path: string, error: unknown): Mistake =>
  new Mistake(`${path} cannot be written: ${reasonOf(error)}.`);

/** @throws Mistake where that cannot be. */
export function writeText(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** @throws Mistake where there is nothing at this path that can be read as a file. */
export function assertFile(path: string): void {
  const there = statSync(path, { throwIfNoEntry: false });
  if (!there) throw new Mistake(`There is no file ${path}.`, 2);
  if (there.isDirectory()) throw new Mistake(`${path} is a folder, not a file.`, 2);
}
