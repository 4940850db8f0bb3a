import type * as z from "zod/mini";

/** Whether a schema certainly accepts a value, and returns it as it is. False: zod has to say. */
type Check = (value: unknown) => boolean;

const checks = new WeakMap<z.core.$ZodType, Check>();
const unknown: Check = () => false;

/**
 * Whether a payload certainly has its schema, without a copy of it: zod makes one of each object, and a result for each
 * value, because the platform compiles no code from text (measured: docs/decisions/0040-cost-of-an-event.md). Zod stays
 * the judge of everything that is not plainly valid, and a property test checks that nothing passes here that it refuses.
 */
export function isPlainlyValid(schema: z.core.$ZodType, payload: unknown): boolean {
  let check = checks.get(schema);
  if (!check) checks.set(schema, (check = checkOf(schema) ?? unknown));
  return check(payload);
}

/** The schemas that are being compiled: one that contains itself is left to zod. */
const open = new Set<z.core.$ZodType>();

/** The check of a schema of the usual kinds; undefined: it has something that is left to zod. */
function checkOf(schema: z.core.$ZodType): Check | undefined {
  if (open.has(schema)) return undefined;
  open.add(schema);
  const of = bareCheckOf(schema);
  open.delete(schema);
  if (!of) return undefined;
  const { checks: more = [] } = schema._zod.def;
  const conditions: Check[] = [];
  for (const one of more) {
    const condition = conditionOf(one._zod.def as Condition);
    if (!condition) return undefined;
    conditions.push(condition);
  }
  return conditions.reduce((before, condition) => (value) => before(value) && condition(value), of);
}

/** The check without the conditions that are attached to the schema. */
function bareCheckOf(schema: z.core.$ZodType): Check | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "string":
      return "format" in def || def.coerce ? undefined : (value) => typeof value === "string";
    case "number":
      if (def.coerce) return undefined;
      if (!("format" in def)) return (value) => typeof value === "number" && Number.isFinite(value);
      return def.format === "safeint" ? Number.isSafeInteger : undefined;
    case "boolean":
      return def.coerce ? undefined : (value) => typeof value === "boolean";
    case "null":
      return (value) => value === null;
    case "unknown":
    case "any":
      return (value) => value !== undefined;
    case "literal":
    case "enum": {
      const values = schema._zod.values as ReadonlySet<unknown>;
      return (value) => value !== undefined && values.has(value);
    }
    case "optional":
    case "nullable": {
      const inner = checkOf(def.innerType);
      if (!inner || def.type === "optional") return inner;
      return (value) => value === null || inner(value);
    }
    case "array": {
      const item = checkOf(def.element);
      return item && ((value) => Array.isArray(value) && value.every(item));
    }
    case "union": {
      // Each option accepts a value as it is or not at all (see `objectCheckOf`), so it does not matter which one zod takes.
      if (def.inclusive === false || "discriminator" in def) return undefined;
      const options = allOf(def.options);
      return options && ((value) => options.some((option) => option(value)));
    }
    case "record": {
      const { keyType, valueType, mode } = def;
      const isAnyKey = keyType._zod.def.type === "string" && bareCheckOf(keyType) && !keyType._zod.def.checks?.length;
      const item = checkOf(valueType);
      if (!isAnyKey || !item || mode === "loose") return undefined;
      return (value) => isObject(value) && Object.values(value).every(item);
    }
    case "object":
      return objectCheckOf(def);
    case "custom":
      return conditionOf(def);
    default:
      return undefined;
  }
}

function objectCheckOf({ shape, catchall }: z.core.$ZodObjectDef): Check | undefined {
  const members = new Map<string, Check>();
  const required: string[] = [];
  for (const [key, member] of Object.entries(shape)) {
    const check = checkOf(member);
    if (!check) return undefined;
    members.set(key, check);
    // What has a default would be added.
    if (member._zod.optin === undefined) required.push(key);
    else if (member._zod.def.type !== "optional") return undefined;
  }
  // Without a catchall other members are removed: of a union zod would take this option, and not one that keeps them.
  if (!catchall && isInUnion()) return undefined;
  const other = catchall && catchall._zod.def.type !== "never" ? checkOf(catchall) : unknown;
  if (!other) return undefined;
  return (value) => {
    if (!isObject(value)) return false;
    let left = required.length;
    for (const key in value) {
      const member = members.get(key);
      if (!(member ?? other)(value[key])) return false;
      if (member && required.includes(key)) left--;
    }
    return left === 0;
  };
}

/** Whether what is being compiled is in an option of a union. */
function isInUnion(): boolean {
  return [...open].some(({ _zod: { def } }) => def.type === "union");
}

function allOf(schemas: readonly z.core.$ZodType[]): Check[] | undefined {
  const all = schemas.map(checkOf);
  return all.every((check) => check !== undefined) ? all : undefined;
}

/** The members of zod's definitions of conditions that are read here. */
interface Condition {
  readonly check?: string;
  readonly fn?: (value: never) => unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly value?: unknown;
  readonly inclusive?: boolean;
  readonly format?: string;
  readonly pattern?: RegExp;
}

function conditionOf({
  check,
  fn,
  minimum,
  maximum,
  value: limit,
  inclusive,
  format,
  pattern,
}: Condition): Check | undefined {
  if (check === "custom") return fn && ((value) => fn(value as never) === true);
  // Zod counts code points: each of them is one or two units.
  if (check === "max_length") return (value) => lengthOf(value) <= maximum!;
  if (check === "min_length") return (value) => lengthOf(value) > 2 * (minimum! - 1);
  if (typeof limit === "number") {
    if (check === "less_than") return (value) => (value as number) < limit || (inclusive === true && value === limit);
    if (check === "greater_than")
      return (value) => (value as number) > limit || (inclusive === true && value === limit);
  }
  if (check === "string_format" && format === "regex" && pattern) {
    return (value) => {
      pattern.lastIndex = 0;
      return pattern.test(value as string);
    };
  }
  return undefined;
}

/** Not a number: zod does not count the length of what has none. */
function lengthOf(value: unknown): number {
  return (value as string | null)?.length ?? Number.NaN;
}

function isObject(value: unknown): value is Record<string, unknown> {
  // Zod leaves out a member "__proto__".
  if (typeof value !== "object" || value === null || Object.hasOwn(value, "__proto__")) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
