import type { Container } from "../../model/journal.ts";
import { Weight } from "../../model/weight.ts";
import { bounds } from "../../protocol/index.ts";
import type { Work } from "./work.ts";

/** What work takes beside its drafts, in bytes: its command, ids of up to 128 characters, and its place in a queue. */
const workBytes = 384;

/** The most that work can take in memory whose frame has `units` UTF-16 units. */
export function estimateOf(units: number): number {
  return workBytes + units * bounds.decodedBytesPerUnitMax;
}

/** Weighs work by what it takes in memory, as a state is weighed. What is the same in all is counted with the first. */
export class WorkWeights {
  readonly #weight = new Weight();

  /** In bytes. It takes about as long as decoding. */
  of(work: Work): number {
    const before = this.#weight.total;
    const drafts = draftsOf(work);
    if (drafts) this.#weight.added(drafts as unknown as Container);
    return workBytes + violationBytesOf(work) + this.#weight.total - before;
  }
}

function draftsOf(work: Work): readonly object[] | undefined {
  if ("submission" in work) return work.submission?.drafts;
  if (!("command" in work)) return undefined;
  const { command } = work;
  return command.kind === "submit" || command.kind === "declined" ? command.submission?.drafts : undefined;
}

/** What an unreadable frame is answered with: its own keys can be in each of the violations. */
function violationBytesOf(work: Work): number {
  if (!("command" in work) || work.command.kind !== "unreadable") return 0;
  const { errors = [] } = work.command.failure;
  return errors.reduce((sum, { field, message }) => sum + 2 * (field.length + message.length), 0);
}
