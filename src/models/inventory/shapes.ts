import * as z from "zod/mini";
import { forbiddenKeys } from "../../protocol/index.ts";

/** Characters of a name of an item or a location. */
const nameLengthMax = 64;
/** Characters of a reason: a sentence. */
export const reasonLengthMax = 200;
/** Units that one event moves. So no event alone brings the totals near to 2^53 − 1. */
const quantityMax = 1_000_000_000;
/** Lines of one hold: a full shopping basket. A line costs about 40 units of work (draftWorkMax: 50,000). */
const linesMax = 50;

/** The name of an item or a location. It becomes a key of the state. */
export const name = z.string().check(
  z.minLength(1),
  z.maxLength(nameLengthMax),
  z.refine((text) => !forbiddenKeys.has(text), { error: "This name is reserved." }),
);

/** The name of a hold. It is in the key of the timer that ends the hold: so it is short, and of visible ASCII characters. */
export const holdName = z.string().check(
  z.regex(/^[\x21-\x7e]{1,48}$/, { error: "1 to 48 visible ASCII characters." }),
  z.refine((text) => !forbiddenKeys.has(text), { error: "This name is reserved." }),
);

/** Milliseconds since 1970. */
export const time = z.int().check(z.minimum(0));

/** Which hold is ended. `expiresAt`: when it expires; a later hold of the same name does so at another time. */
export const namedHold = { hold: holdName, expiresAt: z.optional(time) };

/** A number of units. */
export const quantity = z.int().check(z.minimum(1), z.maximum(quantityMax));

/** A change of a number of units. */
export const change = z.int().check(
  z.minimum(-quantityMax),
  z.maximum(quantityMax),
  z.refine((by) => by !== 0, { error: "A change by 0 changes nothing." }),
);

/** Why stock is corrected, for those who read the log. */
export const reason = z.string().check(z.minLength(1), z.maxLength(reasonLengthMax));

/** The lines of a hold. Each item is at each location in one line at most, so that a line can be judged by itself. */
export const lines = z.array(z.strictObject({ item: name, location: name, quantity })).check(
  z.minLength(1),
  z.maxLength(linesMax),
  z.refine((all) => new Set(all.map(({ item, location }) => JSON.stringify([item, location]))).size === all.length, {
    error: "Two lines are for one item at one location: add their quantities.",
  }),
);
