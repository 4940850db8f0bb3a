import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { ChangeSet, Text } from "@codemirror/state";
import { projectFolder } from "../../src/tools/wrangler.ts";

/** A change of a trace, one after the other: at an offset, how many are deleted there, and what is inserted. */
type Patch = readonly [at: number, deleted: number, insert: string];

/** What someone has typed at once. */
interface Transaction {
  patches: readonly Patch[];
  /** The transactions that its author had last; none: of the one before it. */
  parents?: readonly number[];
  agent?: number;
}

/** What people have really typed. */
export interface Trace {
  endContent: string;
  txns: readonly Transaction[];
}

/** Who submits what, made on what, and in which text: for the two authors of a trace. */
export interface Typed {
  at: number;
  agent: number;
  changes: ChangeSet;
  /** The changes of the other author that are not in the text that `changes` is of, oldest first, with their numbers. */
  unknown: readonly { at: number; changes: ChangeSet }[];
}

const folder = join(projectFolder, "..", "shared", "data");
const pathOf = (name: string) => join(folder, `${name}.json.gz`);

/** Whether the traces are there: they are not part of this repository. */
export const tracesPresent = existsSync(pathOf("friendsforever"));

export function readTrace(name: "friendsforever" | "sveltecomponent"): Trace {
  return JSON.parse(gunzipSync(readFileSync(pathOf(name))).toString()) as Trace;
}

/** The change set of the patches of a transaction. */
function changesOfPatches(patches: readonly Patch[], length: number): ChangeSet {
  let set: ChangeSet | undefined;
  for (const [at, deleted, insert] of patches) {
    const change = { from: at, to: at + deleted, insert: Text.of(insert.split("\n")) };
    const next = ChangeSet.of(change, set?.newLength ?? length);
    set = set ? set.compose(next) : next;
  }
  return set ?? ChangeSet.empty(length);
}

/** Of two changes at one place the one of the author with the smaller number comes first. */
const isFirst = (agent: number) => agent === 0;

/**
 * The transactions of a trace of at most two authors, in order. Each author has what the parents of its transactions say,
 * and types into that. It takes what each transaction is in the common text.
 */
export function* typedIn({ txns }: Pick<Trace, "txns">): Generator<Typed, void, ChangeSet> {
  const known: number[][] = [];
  const authors = [0, 1].map(() => ({ length: 0, unknown: [] as { at: number; changes: ChangeSet }[] }));
  for (const [at, { patches, parents = at > 0 ? [at - 1] : [], agent = 0 }] of txns.entries()) {
    const knows = [0, 1].map((of) => Math.max(-1, ...parents.map((parent) => known[parent]![of]!)));
    const author = authors[agent]!;
    while (author.unknown.length > 0 && author.unknown[0]!.at <= knows[1 - agent]!) {
      author.length = author.unknown.shift()!.changes.newLength;
    }
    const changes = changesOfPatches(patches, author.length);
    const committed = yield { at, agent, changes, unknown: author.unknown };
    author.length = changes.newLength;
    let own = changes;
    author.unknown = author.unknown.map(({ at: other, changes: theirs }) => {
      const mapped = { at: other, changes: theirs.map(own, !isFirst(agent)) };
      own = own.map(theirs, isFirst(agent));
      return mapped;
    });
    const other = authors[1 - agent]!;
    other.unknown.push({ at, changes: committed });
    knows[agent] = at;
    known.push(knows);
  }
}

/** Replays a trace. `commit` gets each transaction, and returns what it is in the common text. */
export function replayTrace(trace: Pick<Trace, "txns">, commit: (typed: Typed) => ChangeSet): void {
  const all = typedIn(trace);
  for (let next = all.next(); !next.done;) next = all.next(commit(next.value));
}

/** What a transaction is after what its author does not know. */
export function mappedOver(changes: ChangeSet, unknown: Typed["unknown"], agent: number): ChangeSet {
  return unknown.reduce((mapped, { changes: theirs }) => mapped.map(theirs, isFirst(agent)), changes);
}
