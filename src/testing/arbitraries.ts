import type { Arbitrary } from "fast-check";
import type * as z from "zod/mini";
import { toJSONSchema } from "zod/v4/core";
import { payloadViolations } from "../model/check.ts";
import { isJsonObject, type JsonObject, unsendableIn } from "../protocol/index.ts";

export type FastCheck = typeof import("fast-check");

/** A JSON Schema (2020-12), as far as zod writes it. */
interface Schema {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  propertyNames?: Schema;
  additionalProperties?: Schema | boolean;
  items?: Schema | boolean;
  prefixItems?: Schema[];
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  $defs?: Record<string, Schema>;
}

/** How deep payloads of a recursive schema are. */
const depthMax = 4;
const itemsMax = 3;
/** Few words, so that drafts meet at the same places; and some that break careless code. */
const words = ["a", "b", "c", "d"];
const awkwardWords = ["", " ", "toString", "length", "0", "-1", "a.b", "ä🙂", "A".repeat(40)];
const numberRange = 10;
/** Payloads of a schema that are tried before it is given up. */
const triesMax = 500;

/**
 * Arbitrary payloads of a schema: small, and often the same, so that they meet in a state.
 *
 * @throws Error where hardly any is found that the schema accepts: a condition of its own that its JSON Schema does not have.
 */
export function payloadsOf(fc: FastCheck, type: string, payload: z.core.$ZodType): Arbitrary<JsonObject> {
  const ask = `give them: simulate(model, { drafts: { ${type}: (fc) => fc.record({ … }) } })`;
  let made: Arbitrary<unknown>;
  try {
    const root = toJSONSchema(payload, { io: "input", unrepresentable: "any" }) as Schema;
    made = new Maker(fc, root).of(root, 0);
  } catch (error) {
    throw new Error(`payloads of "${type}" cannot be made from its schema (${String(error)}): ${ask}`, {
      cause: error,
    });
  }
  const fits = (value: unknown): value is JsonObject =>
    isJsonObject(value) && unsendableIn(value).length === 0 && payloadViolations({ payload }, value).length === 0;
  // A filter that nothing passes would never end.
  const tried = fc.sample(made, { numRuns: triesMax, seed: 1 }).filter(fits);
  if (tried.length === 0) throw new Error(`none of ${triesMax} payloads of "${type}" fits its schema: ${ask}`);
  return made.filter(fits) as Arbitrary<JsonObject>;
}

class Maker {
  readonly #fc: FastCheck;
  readonly #root: Schema;

  constructor(fc: FastCheck, root: Schema) {
    this.#fc = fc;
    this.#root = root;
  }

  of(schema: Schema, depth: number): Arbitrary<unknown> {
    const fc = this.#fc;
    if (schema.$ref !== undefined) return this.of(this.#referred(schema.$ref), depth + 1);
    if (schema.const !== undefined) return fc.constant(schema.const);
    if (schema.enum) return fc.constantFrom(...schema.enum);
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices) return this.#oneOf(choices, depth);
    if (schema.allOf) return this.of(Object.assign({}, ...schema.allOf) as Schema, depth);
    if (Array.isArray(schema.type))
      return this.#oneOf(
        schema.type.map((type) => ({ ...schema, type })),
        depth,
      );
    switch (schema.type) {
      case "string":
        return this.#string(schema);
      case "integer":
      case "number":
        return this.#number(schema);
      case "boolean":
        return fc.boolean();
      case "null":
        return fc.constant(null);
      case "array":
        return this.#array(schema, depth);
      case "object":
        return this.#object(schema, depth);
      default:
        return fc.jsonValue({ maxDepth: 1 });
    }
  }

  #referred(reference: string): Schema {
    if (reference === "#") return this.#root;
    return this.#root.$defs![reference.split("/").at(-1)!]!;
  }

  /** Deep inside only what ends. */
  #oneOf(choices: readonly Schema[], depth: number): Arbitrary<unknown> {
    const ending = choices.filter(({ type, $ref }) => type !== "array" && type !== "object" && $ref === undefined);
    const taken = depth >= depthMax && ending.length > 0 ? ending : choices;
    return this.#fc.oneof(...taken.map((choice) => this.of(choice, depth + 1)));
  }

  #string({ minLength = 0, maxLength = Infinity, pattern, format }: Schema): Arbitrary<string> {
    const fc = this.#fc;
    if (format === "date-time") return dates(fc).map((date) => date.toISOString());
    if (format === "date") return dates(fc).map((date) => date.toISOString().slice(0, 10));
    if (pattern !== undefined) {
      const regex = new RegExp(pattern, "u");
      const known = [...words, ...awkwardWords].filter((word) => regex.test(word) && fits(word));
      const matching = fc.stringMatching(regex, { size: "-1" }).filter(fits);
      return known.length > 0 ? fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...known) }, matching) : matching;
    }
    const known = (all: readonly string[]) => all.filter(fits);
    const free = fc.string({ minLength, maxLength: Math.min(maxLength, Math.max(minLength, 12)), unit: "grapheme" });
    const pools = [
      { weight: 12, from: known(words) },
      { weight: 2, from: known(awkwardWords) },
    ].filter(({ from }) => from.length > 0);
    return fc.oneof(...pools.map(({ weight, from }) => ({ weight, arbitrary: fc.constantFrom(...from) })), {
      weight: 1,
      arbitrary: free,
    });

    function fits({ length }: string): boolean {
      return length >= minLength && length <= maxLength;
    }
  }

  #number({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }: Schema): Arbitrary<number> {
    const fc = this.#fc;
    const step = multipleOf ?? 1;
    const least = Math.max(minimum ?? -Infinity, exclusiveMinimum ?? -Infinity, Number.MIN_SAFE_INTEGER);
    const most = Math.min(maximum ?? Infinity, exclusiveMaximum ?? Infinity, Number.MAX_SAFE_INTEGER);
    const first = Math.ceil(least / step) + (least === exclusiveMinimum && least % step === 0 ? 1 : 0);
    const last = Math.floor(most / step) - (most === exclusiveMaximum && most % step === 0 ? 1 : 0);
    const near = Math.min(Math.max(first, -2), last);
    const whole = fc.oneof(
      { weight: 12, arbitrary: fc.integer({ min: near, max: Math.min(last, near + numberRange) }) },
      { weight: 1, arbitrary: fc.constantFrom(first, last) },
    );
    const multiples = whole.map((count) => count * step);
    if (type === "integer" || multipleOf !== undefined || least > most) return multiples;
    return fc.oneof(
      { weight: 4, arbitrary: multiples },
      { weight: 1, arbitrary: fc.double({ min: least, max: most, noNaN: true, noDefaultInfinity: true }) },
    );
  }

  #array({ items, prefixItems = [], minItems = 0, maxItems = Infinity }: Schema, depth: number): Arbitrary<unknown[]> {
    const fc = this.#fc;
    const first = fc.tuple(...prefixItems.map((item) => this.of(item, depth + 1)));
    const rest = Math.max(0, minItems - prefixItems.length);
    const most = depth >= depthMax ? rest : Math.max(rest, Math.min(maxItems - prefixItems.length, itemsMax));
    if (items === false || most <= 0) return first;
    const more = fc.array(this.of(items === true || items === undefined ? {} : items, depth + 1), {
      minLength: rest,
      maxLength: most,
    });
    return fc.tuple(first, more).map(([one, other]) => one.concat(other));
  }

  #object(schema: Schema, depth: number): Arbitrary<unknown> {
    const fc = this.#fc;
    const { properties = {}, required = [], propertyNames, additionalProperties } = schema;
    const members = Object.entries(properties)
      // Deep inside only what has to be there.
      .filter(([key]) => depth < depthMax || required.includes(key))
      .map(([key, member]) => [key, this.of(member, depth + 1)] as const);
    const known = fc.record(Object.fromEntries(members), { requiredKeys: required.filter((key) => key in properties) });
    if (!propertyNames || typeof additionalProperties !== "object") return known;
    const value = this.of(additionalProperties, depth + 1);
    const needed = fc.record(
      Object.fromEntries(required.filter((key) => !(key in properties)).map((key) => [key, value])),
    );
    const free = fc.dictionary(this.of({ type: "string", ...propertyNames }, depth + 1) as Arbitrary<string>, value, {
      maxKeys: depth >= depthMax ? 0 : itemsMax,
      noNullPrototype: true,
    });
    return fc.tuple(free, needed, known).map((parts) => Object.assign({}, ...parts) as object);
  }
}

/** The years that applications write about. */
function dates(fc: FastCheck): Arbitrary<Date> {
  return fc.date({ min: new Date(0), max: new Date("2100-01-01T00:00:00Z"), noInvalidDate: true });
}
