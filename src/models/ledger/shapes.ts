import * as z from "zod/mini";
import { forbiddenKeys } from "../../protocol/index.ts";
import { minorDigits } from "./currencies.ts";

/** Characters of a name of an account or a transfer. */
const nameLengthMax = 64;
/** Characters of a principal, as tokens may have it. */
const ownerLengthMax = 256;
/** Characters of a text for those who read the log. */
const memoLengthMax = 200;
/** Legs of one transfer. A leg costs about 50 units of work (draftWorkMax: 50,000). */
const legsMax = 32;
/** Seconds of a hold: a day more than card networks give to a hotel. */
const holdSecondsMax = 31 * 24 * 60 * 60;
/** Seconds of a hold at least: shorter ones end before they are read. */
const holdSecondsMin = 10;

/** The name of an account or a transfer. It becomes a key of the state. */
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

/** A principal. */
export const owner = z.string().check(z.minLength(1), z.maxLength(ownerLengthMax));

export const currency = z
  .string()
  .check(z.refine((code) => minorDigits(code) !== undefined, { error: "Not a currency of ISO 4217, as EUR." }));

/** An amount in minor units. `z.int` refuses what a number cannot hold exactly: above 2^53 − 1. */
export const amount = z.int().check(z.minimum(1));

/** What an account may owe; null: without a bound, for an account that stands for the outside. */
export const overdraft = z.nullable(z.int().check(z.minimum(0)));

/** What an account may pay; null: without a bound. */
export const limit = z.nullable(amount);

export const memo = z.string().check(z.minLength(1), z.maxLength(memoLengthMax));

export const holdSeconds = z.int().check(z.minimum(holdSecondsMin), z.maximum(holdSecondsMax));

/** The legs of a transfer: a negative amount is paid, a positive one received. */
export const legs = z
  .array(
    z.strictObject({
      account: name,
      amount: z.int().check(z.refine((units) => units !== 0, { error: "An amount of 0 moves nothing." })),
    }),
  )
  .check(
    z.minLength(2),
    z.maxLength(legsMax),
    z.refine((all) => new Set(all.map(({ account }) => account)).size === all.length, {
      error: "Two legs are of one account: add their amounts.",
    }),
  );
