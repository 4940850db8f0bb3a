import { nameRanges } from "../identity/name-ranges.ts";
import type { Application } from "../objects/application.ts";
import { askMetricsShard, askMetricsShards } from "../objects/metrics-calls.ts";
import type {
  DirectoryEntry,
  DirectoryQuery,
  DirectoryRow,
  NameRange,
  PlacedQuery,
} from "../platform/directory-api.ts";
import type { Failure } from "../protocol/index.ts";
import { byMost } from "../tenant/directory.ts";
import { cursorAfter, nameAfter } from "./cursors.ts";
import type { EdgeContext } from "./env.ts";
import { withoutMetrics } from "./no-metrics.ts";
import { Refused } from "./refused.ts";

/** The object that has the key of the cursors. */
const keyShard = 0;

const badCursor: Failure = { code: "bad_request", detail: "This is not a cursor of an earlier page." };

/**
 * The directory of the caller's tenant.
 *
 * @throws Refused where the deployment has none.
 */
export function directoryOf(c: EdgeContext, { placementOf }: Application) {
  const { METRICS: objects } = c.env;
  if (!objects) throw new Refused(withoutMetrics("directory of its partitions"));
  const { name: tenant, identity } = c.get("tenantAccess");
  const placement = placementOf(tenant);
  const key = () => askMetricsShard(objects, tenant, keyShard, placement, (calls) => calls.cursorKey());
  return {
    /** The names that the caller's token is for. */
    ranges: (prefix = ""): readonly NameRange[] =>
      nameRanges(identity.mode === "verified" ? identity.subject.partitions : ["*"], prefix),
    /** `last`: the last name that was looked at, where there are more. */
    async page(asked: DirectoryQuery): Promise<{ entries: DirectoryEntry[]; last?: string }> {
      const { limit, order } = asked;
      const pages = await askMetricsShards(objects, tenant, placement, (calls) => calls.partitions(asked));
      const all = pages.flat().toSorted((a, b) => {
        if (order === "hottest") return b.eventsPerSecond - a.eventsPerSecond || (a.name < b.name ? -1 : 1);
        if (order !== undefined) return byMost(order, a, b);
        return a.name < b.name ? -1 : 1;
      });
      const entries = all.slice(0, limit);
      const isMore = order === undefined && (all.length > limit || pages.some(({ length }) => length === limit));
      return { entries, ...(isMore ? { last: entries.at(-1)!.name } : {}) };
    },
    /** By place. `last`: up to which place was looked, where there may be more. */
    async placed(asked: PlacedQuery): Promise<{ rows: DirectoryRow[]; last?: number }> {
      const { limit } = asked;
      const pages = await askMetricsShards(objects, tenant, placement, (calls) => calls.placedPartitions(asked));
      // Beyond the least of them not all have looked.
      const lookedTo = Math.min(...pages.map(({ last = Infinity }) => last));
      const all = pages
        .flatMap(({ rows }) => rows)
        .filter(({ place }) => place <= lookedTo)
        .toSorted((a, b) => a.place - b.place);
      const rows = all.slice(0, limit);
      const last = all.length > limit ? rows.at(-1)!.place : lookedTo;
      return { rows, ...(last === Infinity ? {} : { last }) };
    },
    /** Whether there may be partitions that it has no room for. */
    async isFull(): Promise<boolean> {
      return (await askMetricsShards(objects, tenant, placement, (calls) => calls.isFull())).includes(true);
    },
    cursorAtPlace: async (place: number): Promise<string> => await cursorAfter(textOfPlace(place), await key()),
    async placeAfter(cursor: string): Promise<number> {
      const place = placeIn(await nameAfter(cursor, await key()));
      if (place === undefined) throw new Refused(badCursor);
      return place;
    },
    cursorAfter: async (name: string): Promise<string> => await cursorAfter(name, await key()),
    /** @throws Refused where `cursor` is none of ours. */
    async nameAfter(cursor: string): Promise<string> {
      const name = await nameAfter(cursor, await key());
      if (name === undefined || placeIn(name) !== undefined) throw new Refused(badCursor);
      return name;
    },
  };
}

/** A place as the text of a cursor: of one length, and no name. */
const textOfPlace = (place: number): string => `#${String(place).padStart(16, "0")}`;

const placeIn = (text: string | undefined): number | undefined =>
  text !== undefined && /^#\d{16}$/.test(text) ? Number(text.slice(1)) : undefined;
