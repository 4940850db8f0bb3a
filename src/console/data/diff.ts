import { previewOf } from "./json.ts";
import type { Change, Diff } from "./messages.ts";

/** Changes that are listed; with more, the rest is only said to be there. */
export const changesMax = 1_000;

/**
 * The differences between two JSON values, in linear time, at most `changesMax`. Members of arrays that all have a
 * string `id` are compared by it; the others by their place, after the equal members at both ends. So an insertion is one change,
 * and the work is bounded also for arrays with 100,000 members, for which a longest common subsequence is not.
 */
export function diffOf(before: unknown, after: unknown): Diff {
  const changes: Change[] = [];
  let more = false;
  const add = (change: Change): void => {
    if (changes.length < changesMax) changes.push(change);
    else more = true;
  };
  const put = (path: string, kind: Change["kind"], old?: unknown, fresh?: unknown): void =>
    add({
      path,
      kind,
      ...(kind === "added" ? {} : { before: previewOf(old) }),
      ...(kind === "removed" ? {} : { after: previewOf(fresh) }),
    });
  const visit = (path: string, old: unknown, fresh: unknown): void => {
    if (more || Object.is(old, fresh)) return;
    if (Array.isArray(old) && Array.isArray(fresh)) arrays(path, old, fresh);
    else if (isObject(old) && isObject(fresh)) objects(path, old, fresh);
    else if (typeof old !== "object" || old === null || typeof fresh !== "object" || fresh === null) {
      if (old !== fresh) put(path, "changed", old, fresh);
    } else put(path, "changed", old, fresh);
  };
  const objects = (path: string, old: Json, fresh: Json): void => {
    for (const key in old) {
      if (!Object.hasOwn(fresh, key)) put(join(path, key), "removed", old[key]);
      else visit(join(path, key), old[key], fresh[key]);
      if (more) return;
    }
    for (const key in fresh) if (!Object.hasOwn(old, key)) put(join(path, key), "added", undefined, fresh[key]);
  };
  const arrays = (path: string, old: readonly unknown[], fresh: readonly unknown[]): void => {
    const known = byId(old);
    const now = known && byId(fresh);
    if (known && now) {
      for (const [id, at] of known) {
        const there = now.get(id);
        const where = `${path}[${at}]`;
        if (there === undefined) put(where, "removed", old[at]);
        else visit(`${path}[${there}]`, old[at], fresh[there]);
        if (more) return;
      }
      for (const [id, at] of now) if (!known.has(id)) put(`${path}[${at}]`, "added", undefined, fresh[at]);
      return;
    }
    let start = 0;
    const shorter = Math.min(old.length, fresh.length);
    while (start < shorter && same(old[start], fresh[start])) start++;
    let end = 0;
    while (end < shorter - start && same(old.at(-1 - end), fresh.at(-1 - end))) end++;
    const [oldEnd, freshEnd] = [old.length - end, fresh.length - end];
    for (let at = start; at < Math.max(oldEnd, freshEnd); at++) {
      if (more) return;
      const where = `${path}[${at}]`;
      if (at >= oldEnd) put(where, "added", undefined, fresh[at]);
      else if (at >= freshEnd) put(where, "removed", old[at]);
      else visit(where, old[at], fresh[at]);
    }
  };
  visit("", before, after);
  return { changes, more };
}

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function join(path: string, key: string): string {
  return /^[A-Za-z_][\w-]*$/.test(key) ? (path === "" ? key : `${path}.${key}`) : `${path}[${JSON.stringify(key)}]`;
}

/** The places of members by their `id`; undefined where one has none, or two have the same. */
function byId(members: readonly unknown[]): Map<string, number> | undefined {
  const places = new Map<string, number>();
  for (let at = 0; at < members.length; at++) {
    const member = members[at];
    if (!isObject(member) || typeof member["id"] !== "string" || places.has(member["id"])) return undefined;
    places.set(member["id"], at);
  }
  return places;
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((member, at) => same(member, b[at]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}
