import { bounds, type Failure } from "../../protocol/index.ts";
import type { Fold } from "../fold.ts";
import { hexOf } from "../hex.ts";
import type { Ports } from "../ports.ts";
import { Refusal } from "../refusal.ts";

const tooLarge: Failure = {
  code: "too_expensive",
  detail: `The state has more than ${bounds.hashStateBytesMax} bytes: it is not hashed.`,
};

/** A hash of the state after event `eventIndex`, and how many bytes were hashed for this answer. */
interface HashRead {
  eventIndex: number;
  /** SHA-256 of the state as canonical JSON, in lower-case hexadecimal. */
  sha256: string;
  bytes: number;
}

/**
 * The hash of the state, which clients compare with their own. To make it costs as much as the state is large. So it
 * is made once for each event at most, and after one of n bytes the next waits for n / `bounds.hashStateBytesMax`
 * seconds. Until then the answer is the last one, which says what event it is of. A state that is too large is looked
 * at once a second.
 */
export class StateHash {
  #last: HashRead | "too large" | undefined;
  /** When another one may be made, in milliseconds since 1970. */
  #nextAt = 0;

  /** @throws Refusal where the state is too large. */
  read(fold: Fold, eventIndex: number, { sha256 }: Pick<Ports, "sha256">, now: number): HashRead {
    fold.assertSound();
    const last = this.#last;
    // A clock that was set back must not keep the last answer for longer.
    const waits = now < this.#nextAt && this.#nextAt - now <= 1_000;
    if (last === "too large" && waits) throw new Refusal(tooLarge);
    if (typeof last === "object" && (waits || last.eventIndex === eventIndex)) return { ...last, bytes: 0 };
    const text = fold.state.canonicalWithin(bounds.hashStateBytesMax);
    if (text === undefined) {
      this.#last = "too large";
      this.#nextAt = now + 1_000;
      throw new Refusal(tooLarge);
    }
    this.#nextAt = now + Math.min(Math.floor((text.length / bounds.hashStateBytesMax) * 1_000), 1_000);
    const made = { eventIndex, sha256: hexOf(sha256(text)), bytes: text.length };
    this.#last = made;
    return made;
  }
}
