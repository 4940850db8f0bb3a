import * as z from "zod/mini";
import { exceedsUtf8, forbiddenKeys } from "../../protocol/index.ts";

/** Characters of the name of a job, worker, share, key, schedule or tag. */
const nameLengthMax = 64;
/** A payload as JSON text, in UTF-8 bytes: what is larger belongs into a storage of its own, with its address here. */
const payloadBytesMax = 16 * 1024;
/** Characters of an error or a reason. */
const errorLengthMax = 256;
/** Tags of a job, and of a worker. */
const tagsMax = 16;
/** Jobs that one job waits for, and jobs that wait for one: all of them become ready in one event. */
const afterMax = 32;
/** How often a job is tried again, at most. */
const retriesMax = 100;
/** The first pause after a failure at most, in seconds. */
const backoffSecondsMax = 60 * 60;
/** Length of a lease, in seconds: shorter ones would be a row of the log too often, and end while a worker reconnects; longer ones keep jobs of a dead worker too long. */
export const leaseSecondsMin = 60;
const leaseSecondsMax = 24 * 60 * 60;
/** Jobs of one claim: each costs about 100 units of work (draftWorkMax: 50,000). */
const claimMax = 32;
/** The largest cost, and the largest weight: so the turn of a flow comes after at most as many rounds. */
const costMax = 100;
const weightMax = 100;
/** The largest step of priority, in seconds: a day. */
const agingSecondsMax = 24 * 60 * 60;
/** Jobs with one concurrency key that run at once, at most. */
const limitMax = 10_000;
/** Times up to the year 9999. */
const timeMax = 253_402_300_799_999;

const text = (pattern: RegExp, error: string) =>
  z.string().check(
    z.regex(pattern, { error }),
    z.refine((given) => !forbiddenKeys.has(given), { error: "This name is reserved." }),
  );

/** It becomes a key of the state. */
export const name = text(/^[\x21-\x7e]{1,64}$/, `1 to ${nameLengthMax} visible ASCII characters.`);
/** Tags are joined by commas in the state. */
const tag = text(/^[\x21-\x2b\x2d-\x7e]{1,64}$/, `1 to ${nameLengthMax} visible ASCII characters, no comma.`);

export const tags = z.array(tag).check(
  z.maxLength(tagsMax),
  z.refine((all) => new Set(all).size === all.length, { error: "A tag is there twice." }),
);

const time = z.int().check(z.minimum(0), z.maximum(timeMax));
export const fence = z.int().check(z.minimum(1));
export const error = z.string().check(z.minLength(1), z.maxLength(errorLengthMax));
export const weight = z.int().check(z.minimum(1), z.maximum(weightMax));
export const limit = z.int().check(z.minimum(1), z.maximum(limitMax));
export const leaseSeconds = z.int().check(z.minimum(leaseSecondsMin), z.maximum(leaseSecondsMax));
export const claimed = z.int().check(z.minimum(1), z.maximum(claimMax));
export const agingSeconds = z.int().check(z.minimum(1), z.maximum(agingSecondsMax));

/** Any JSON object. */
const content = z.record(z.string(), z.json()).check(
  z.refine((given) => !exceedsUtf8(JSON.stringify(given), payloadBytesMax), {
    error: `At most ${payloadBytesMax} bytes of JSON.`,
  }),
);

/** What is said of a job, besides its name. */
export const work = {
  payload: content,
  priority: z.optional(z.int().check(z.minimum(0), z.maximum(9))),
  /** The worker must have all of them. */
  tags: z.optional(tags),
  /** Milliseconds since 1970. */
  runAt: z.optional(time),
  deadline: z.optional(time),
  after: z.optional(
    z.array(name).check(
      z.minLength(1),
      z.maxLength(afterMax),
      z.refine((all) => new Set(all).size === all.length, { error: "A job is there twice." }),
    ),
  ),
  retries: z.optional(z.int().check(z.minimum(0), z.maximum(retriesMax))),
  /** The first pause after a failure, in seconds; it doubles with each. */
  backoff: z.optional(z.int().check(z.minimum(1), z.maximum(backoffSecondsMax))),
  /** Jobs with the same one run one at a time, or as many as its limit says. */
  key: z.optional(name),
  share: z.optional(name),
  cost: z.optional(z.int().check(z.minimum(1), z.maximum(costMax))),
};
