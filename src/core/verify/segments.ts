import { type AuditHead, isJsonObject, segmentEvents } from "../../protocol/index.ts";
import { AuditTable, type EventRow } from "../../storage/port.ts";
import { hashOfLeaf, leafCost } from "../audit/audit.ts";
import { hashBytes, nodesEndingWith, rootOf } from "../audit/merkle.ts";
import type { Environment } from "../environment.ts";
import { hexOf } from "../hex.ts";
import type { Finding } from "./finding.ts";

/** Browsers, Node and Workers have it; types of none of them belong to the core. */
declare const atob: (base64: string) => string;

/** Compares the segments of the audit with the events that are read, one after the other from the first. */
export class SegmentCheck {
  readonly #environment: Environment;
  readonly #leaves: Uint8Array[] = [];
  /** The nodes of the segments before, as the log makes them. */
  readonly #nodes: Uint8Array[][] = [];
  #ended: boolean;
  /** How many segments were compared. */
  compared = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#ended = environment.model.audit !== true;
  }

  /** Adds the next event. Returns what that costs, in the units of `State.work`. */
  add(row: EventRow, findings: Finding[]): number {
    if (this.#ended) return 0;
    this.#leaves.push(hashOfLeaf(this.#environment, row));
    if (this.#leaves.length < segmentEvents) return leafCost;
    const finding = this.#compare(this.#nodes.length);
    this.#leaves.length = 0;
    if (finding) {
      findings.push(finding);
      // Each later root has this segment in it.
      this.#ended = true;
    }
    return leafCost * segmentEvents;
  }

  /** @returns Where the segment differs; undefined: it does not, or it is not sealed. */
  #compare(segment: number): Finding | undefined {
    const audit = this.#environment.ports.storage.table(AuditTable);
    if (segment >= audit.segments()) {
      this.#ended = true;
      return undefined;
    }
    this.compared++;
    const first = segment * segmentEvents + 1;
    const [leaves, nodes, head] = [audit.leaves(segment), audit.nodes(segment), audit.head(segment)];
    if (!leaves || !nodes || head === undefined)
      return { eventId: first, detail: "The segment is missing, and the audit has a later one." };
    const at = this.#leaves.findIndex((leaf, index) => !isAt(leaves, index, leaf));
    if (at !== -1) return { eventId: first + at, detail: "The event is not the one that the audit has sealed." };
    const { sha256 } = this.#environment.ports;
    const nodeOf = (last: number, level: number) => this.#nodes[last]![level]!;
    const expected = nodesEndingWith(sha256, segment, this.#leaves, nodeOf);
    this.#nodes.push(expected);
    const eventId = first + segmentEvents - 1;
    if (nodes.length !== expected.length * hashBytes || !expected.every((node, index) => isAt(nodes, index, node)))
      return { eventId, detail: "The nodes of the audit's segment are not those of its events." };
    if (rootIn(head) !== hexOf(rootOf(sha256, segment + 1, nodeOf)))
      return { eventId, detail: "The signed head is not that of the log up to its event." };
    return undefined;
  }
}

/** Whether `hashes` has `hash` as the one at `index`. */
function isAt(hashes: Uint8Array, index: number, hash: Uint8Array): boolean {
  const from = index * hashBytes;
  return from + hashBytes <= hashes.length && hash.every((byte, at) => hashes[from + at] === byte);
}

/** The root that a signed head names, without its signature being verified; undefined: it cannot be read. */
function rootIn(head: string): AuditHead["root"] | undefined {
  try {
    const text = atob(head.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/"));
    const payload: unknown = JSON.parse(text);
    return isJsonObject(payload) && typeof payload["root"] === "string" ? payload["root"] : undefined;
  } catch {
    return undefined;
  }
}
