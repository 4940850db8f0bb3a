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

/** What is said of every job. */
const lasting = {
  payload: content,
  /** 0 if it is absent. */
  priority: z.optional(z.int().check(z.minimum(0), z.maximum(9))),
  /** The worker must have all of them. */
  tags: z.optional(tags),
  retries: z.optional(z.int().check(z.minimum(0), z.maximum(retriesMax))),
  /** The first pause after a failure, in seconds; it doubles with each. */
  backoff: z.optional(z.int().check(z.minimum(1), z.maximum(backoffSecondsMax))),
  /** Jobs with the same one run one at a time, or as many as its limit says. */
  key: z.optional(name),
  share: z.optional(name),
  cost: z.optional(z.int().check(z.minimum(1), z.maximum(costMax))),
};

/** What is said of a job that is enqueued, besides its name. */
export const work = {
  ...lasting,
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
};

/** What is said of a job that recurs: its times are those of its schedule. */
export const recurring = lasting;

/** The name of a schedule. It is in the key of its timer, and of the names of its jobs with their number: so it is shorter. */
export const scheduleName = text(/^[\x21-\x7e]{1,40}$/, "1 to 40 visible ASCII characters.");

/** Characters of a cron pattern: enough to list all numbers of all fields. */
const cronLengthMax = 512;

/** The fields of a cron pattern: their least and largest number, and the largest step. Of the weekday 0 and 7 are Sunday. */
const cronFields = [
  { from: 0, to: 59, stepMax: 60 },
  { from: 0, to: 23, stepMax: 24 },
  { from: 1, to: 31, stepMax: 31 },
  { from: 1, to: 12, stepMax: 12 },
  { from: 0, to: 7, stepMax: 7 },
] as const;

/** `*`, `*`/n, a, a-b, a-b/n. */
const cronPart = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/;

/** The numbers that one field of a cron pattern means: a list of parts. Undefined: it is none. */
function numbersOf(field: string, { from, to, stepMax }: (typeof cronFields)[number]): ReadonlySet<number> | undefined {
  const numbers = new Set<number>();
  for (const part of field.split(",")) {
    const match = cronPart.exec(part);
    if (!match) return undefined;
    const [, first, last, step] = match;
    // One number has no steps.
    if (step !== undefined && first !== undefined && last === undefined) return undefined;
    const [low, high, by] = [Number(first ?? from), Number(last ?? first ?? to), Number(step ?? 1)];
    if (low < from || high > to || low > high || by < 1 || by > stepMax) return undefined;
    for (let number = low; number <= high; number += by) numbers.add(number);
  }
  return numbers;
}

/** The days of the months, in the longest year. */
const daysOf = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether a pattern is one that a timer takes, and has times: a day that no year has would never come. */
function isCron(pattern: string): boolean {
  const fields = pattern.split(" ");
  if (fields.length !== cronFields.length) return false;
  const numbers = cronFields.map((field, at) => numbersOf(fields[at]!, field));
  if (numbers.includes(undefined)) return false;
  // Where weekdays are given, they come.
  if (fields[4] !== "*") return true;
  const [days, months] = [[...numbers[2]!], [...numbers[3]!]];
  return months.some((month) => days.some((day) => day <= daysOf[month - 1]!));
}

/** Five fields of numbers: minute, hour, day, month, weekday. Each pattern that it takes, the timer of the schedule takes. */
export const cron = z.string().check(
  z.refine((pattern) => pattern.length <= cronLengthMax && isCron(pattern), {
    error: `Five fields of numbers, as */15 8-18 * * 1-5: minute, hour, day, month, weekday; at most ${cronLengthMax} characters.`,
  }),
);

export const timeZone = z.string().check(
  z.refine(
    (zone) => {
      try {
        new Intl.DateTimeFormat("en", { timeZone: zone }).format(0);
        return true;
      } catch {
        return false;
      }
    },
    { error: "A name of the IANA database, as Europe/Zurich." },
  ),
);
