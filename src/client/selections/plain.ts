/** Replaces the containers in `value`, which is one or has them in its objects and arrays, by what `copy` returns for them. */
export function plain(value: unknown, copy: (value: object) => object): unknown {
  if (typeof value !== "object" || value === null) return value;
  const copied = copy(value);
  if (copied !== value) return copied;
  return mapped(value, (item) => plain(item, copy));
}

/** Returns `now`, in which every part that is equal to the same part of `before` is that part. */
export function shared(before: unknown, now: unknown): unknown {
  // JSON has no -0.
  if (before === now || Object.is(before, now)) return before;
  if (!isPlain(before) || !isPlain(now) || Array.isArray(before) !== Array.isArray(now)) return now;
  const keys = Object.keys(now);
  const result = mapped(now, (item, key) => (Object.hasOwn(before, key) ? shared(before[key], item) : item));
  // In any order: the order of keys is no part of a state.
  const same =
    keys.length === Object.keys(before).length &&
    keys.every((key) => Object.hasOwn(before, key) && Object.is(result[key], before[key]));
  return same ? before : result;
}

type Plain = Record<string, unknown>;

function isPlain(value: unknown): value is Plain {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
}

/** A copy of an object or array with other items; `value` itself, if `change` changes none, or it is of a class. */
function mapped<V extends object>(value: V, change: (item: unknown, key: string) => unknown): V {
  if (!isPlain(value)) return value;
  let copy: Plain | undefined;
  for (const key of Object.keys(value)) {
    const item = change(value[key], key);
    if (Object.is(item, value[key])) continue;
    copy ??= (Array.isArray(value) ? [...value] : { ...value }) as unknown as Plain;
    copy[key] = item;
  }
  return (copy ?? value) as V;
}
