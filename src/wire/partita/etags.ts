import type { Standing } from "../../core/index.ts";
import { protocolVersion } from "../../protocol/index.ts";

/** Replaces the log's id before the first write. */
const noLog = "new";
/** Replaces the proof of an event where there is none. */
const noEvent = "none";

/** The ETag of a page of the log: strong, because events never change and their bytes are always the same. */
export function pageTag({ logId = noLog, head, proof = noEvent, authors }: Standing): string {
  return `"${protocolVersion}.${logId}.${head}.${proof}${authors === undefined ? "" : `.${authors}`}"`;
}

/** The ETag of the state after `eventIndex`: weak, because the order of keys in it may differ. */
export function stateTag({ logId = noLog, proof = noEvent, fold }: Standing, eventIndex: number): string {
  return `W/"${protocolVersion}.${logId}.${eventIndex}.${proof}.${encodeURIComponent(fold)}"`;
}

/** Whether `If-None-Match` contains `tag` (RFC 9110, 13.1.2: weak comparison). */
export function isHeld(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  return [...ifNoneMatch.matchAll(/"[^"]*"/g)].some(([opaque]) => tag.endsWith(opaque));
}
