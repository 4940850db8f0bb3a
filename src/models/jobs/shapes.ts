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

/** One field of a cron pattern with numbers from `from` to `to`: `*`, `*`/n, a, a-b, a-b/n, and lists of them. */
function isField(field: string, from: number, to: number): boolean {
  return field.split(",").every((part) => {
    const [, first, last, step] = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part) ?? [];
    if (first === undefined && !part.startsWith("*")) return false;
    if (step !== undefined && (Number(step) < 1 || (first !== undefined && last === undefined))) return false;
    const [low, high] = [Number(first ?? from), Number(last ?? first ?? to)];
    return low >= from && low <= high && high <= to;
  });
}

/** The days of the longest month that is meant: a day that no year has would never come. */
const daysOf = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function comes(day: string, month: string): boolean {
  const days = day.split(",").map((each) => Number.parseInt(each, 10));
  const months = month.split(",").map(Number);
  if ([...days, ...months].some(Number.isNaN)) return true;
  return months.some((each) => days.some((wanted) => wanted <= daysOf[each - 1]!));
}

/** Five fields of numbers: minute, hour, day, month, weekday (0 or 7: Sunday). */
export const cron = z.string().check(
  z.refine(
    (pattern) => {
      const [minute = "", hour = "", day = "", month = "", weekday = "", ...more] = pattern.split(" ");
      return (
        more.length === 0 &&
        isField(minute, 0, 59) &&
        isField(hour, 0, 23) &&
        isField(day, 1, 31) &&
        isField(month, 1, 12) &&
        isField(weekday, 0, 7) &&
        (weekday !== "*" || comes(day, month))
      );
    },
    { error: "Five fields of numbers, as */15 8-18 * * 1-5: minute, hour, day, month, weekday." },
  ),
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
