import { foldEvent, State } from "../../model/index.ts";
import { insieme } from "../../models/insieme/index.ts";
import type { TreeNode } from "../../models/insieme/tree-shape.ts";
import { canonicalJson } from "../../protocol/canonical.ts";
import { type Json, type JsonObject, bounds, type NumberedEvent } from "../../protocol/index.ts";
import { nodeIdOf, treeTarget } from "./drafts.ts";
import type { Entry } from "./walk.ts";
import { socketAddress, Wire, WireError } from "./wire.ts";

/** How many differences are described. */
const differencesMax = 10;
/** The time limit for reading the state. */
const stateMsMax = 60_000;

/** The result of the verification by a new subscriber. */
export interface Verification {
  /** The log was folded up to this event, which is that of the server's state. */
  eventIndex: number;
  /** Nodes in the tree. */
  nodes: number;
  /** The first few differences, as texts. Empty if log, state and folder agree. */
  differences: string[];
}

/**
 * Reads the log of `partition` from its beginning, as a new subscriber, folds it, and compares the
 * result with the server's state and with `entries`.
 *
 * @throws WireError if the server cannot be read; FoldError if the log cannot be folded.
 */
export async function verifyImport(url: URL, partition: string, entries: readonly Entry[]): Promise<Verification> {
  const differences: string[] = [];
  const served = await fetchState(url, partition);
  const state = new State<JsonObject>(insieme.initialState());
  let expected = 1;
  for await (const { eventId, event } of readLog(url, partition, served.eventIndex)) {
    if (eventId !== expected) throw new WireError(`the log has a gap: event ${expected} is missing`, false);
    expected++;
    if (eventId <= served.eventIndex) foldEvent(insieme, state, event);
  }
  const folded = JSON.parse(state.stringify()) as JsonObject;
  if (canonicalJson(folded) !== canonicalJson(served.state)) {
    differences.push(`the fold of events 1 to ${served.eventIndex} differs from the state of the server`);
  }
  const nodes = nodesOf(folded[treeTarget]);
  const onDisk = new Map(entries.map((entry) => [nodeIdOf(entry.path), placeOnDisk(entry)]));
  for (const [id, place] of onDisk) {
    const found = nodes.get(id);
    if (found !== place) differences.push(`${id} is ${place} on disk, and ${found ?? "missing"} in the partition`);
  }
  for (const [id, place] of nodes) {
    if (!onDisk.has(id)) differences.push(`${id} is missing on disk, and ${place} in the partition`);
  }
  return { eventIndex: served.eventIndex, nodes: nodes.size, differences: shorten(differences) };
}

async function fetchState(base: URL, partition: string): Promise<{ state: Json; eventIndex: number }> {
  const address = new URL(`v1/partitions/${encodeURIComponent(partition)}/state`, base);
  const response = await fetch(address, { signal: AbortSignal.timeout(stateMsMax) });
  if (!response.ok) throw new WireError(`the state was refused: ${response.status} ${await response.text()}`, false);
  return (await response.json()) as { state: Json; eventIndex: number };
}

/** The events from the first on, page by page, until `end` is reached. */
async function* readLog(base: URL, partition: string, end: number): AsyncGenerator<NumberedEvent> {
  let lost: WireError | undefined;
  const wire = await Wire.open(socketAddress(base, partition), "import-verify", {
    message() {},
    lost: (error) => (lost = error),
  });
  try {
    for (let sinceEventId = 0; sinceEventId < end;) {
      if (lost) throw lost;
      const { type, payload } = await wire.request("sync", { sinceEventId, limit: bounds.pageEventsMax });
      if (type !== "sync_response") throw new WireError(`sync was answered by ${type}`, false);
      if (payload.nextSinceEventId <= sinceEventId) {
        throw new WireError(`the log ends at event ${sinceEventId}, before ${end}`, false);
      }
      yield* payload.events;
      sinceEventId = payload.nextSinceEventId;
    }
  } finally {
    wire.close();
  }
}

/** The place of each node of the tree, by id. */
function nodesOf(holder: Json | undefined): Map<string, string> {
  const { tree = [], items = {} } = (holder ?? {}) as { tree?: TreeNode[]; items?: Record<string, { type?: string }> };
  const nodes = new Map<string, string>();
  const open = tree.map((node) => ({ node, parent: "/" }));
  // The list grows while it is read.
  for (const { node, parent } of open) {
    nodes.set(node.id, describePlace(items[node.id]?.type ?? "nothing", parent));
    for (const child of node.children ?? []) open.push({ node: child, parent: node.id });
  }
  return nodes;
}

function placeOnDisk({ type, parent }: Entry): string {
  return describePlace(type, parent === undefined ? "/" : nodeIdOf(parent));
}

function describePlace(type: string, parent: string): string {
  return `a ${type} in ${parent}`;
}

function shorten(differences: string[]): string[] {
  const more = differences.length - differencesMax;
  return more <= 0 ? differences : [...differences.slice(0, differencesMax), `and ${more} more`];
}
