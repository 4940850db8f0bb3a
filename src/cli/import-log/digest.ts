import { createHash } from "node:crypto";
import { canonicalJson } from "../../protocol/canonical.ts";
import { type Json, partitionPath } from "../../protocol/index.ts";
import { Mistake } from "../mistake.ts";
import { askServer, type LogSource, type ReadEvent } from "../read-log.ts";

/** What must be the same of an event in two logs: all but the partition that it is in. */
export function contentOf({ eventId, draftId, event }: ReadEvent): string {
  const { partition: _, ...rest } = event as typeof event & { partition?: string };
  return canonicalJson(JSON.parse(JSON.stringify({ eventId, draftId, event: rest })) as Json);
}

/** The SHA-256 of the contents of events, in their order. */
export class LogDigest {
  readonly #hash = createHash("sha256");

  add(event: ReadEvent): void {
    this.#hash.update(contentOf(event)).update("\n");
  }

  get text(): string {
    return this.#hash.copy().digest("hex");
  }
}

/**
 * The SHA-256 of the canonical JSON of the state after an event, as `hash` of the wire has it.
 *
 * @throws Mistake where the server does not say it.
 */
export async function stateDigest(source: LogSource, eventId: number): Promise<string> {
  const path = `${partitionPath(source.partition)}/state`;
  let read = (await askServer(source, path)) as { state: Json; eventIndex: number };
  if (read.eventIndex !== eventId) read = (await askServer(source, `${path}?at=${eventId}`)) as typeof read;
  if (read.eventIndex !== eventId) throw new Mistake(`${path} is not that of event ${eventId}.`);
  return createHash("sha256").update(canonicalJson(read.state)).digest("hex");
}
