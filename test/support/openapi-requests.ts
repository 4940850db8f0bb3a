import fc from "fast-check";

/** A part of an OpenAPI document. */
// Documents are data of every shape
type Part = any;

/** A request to an operation of a document: a valid one, or an almost valid one. */
export interface FuzzRequest {
  /** The path of the operation in the document. */
  path: string;
  method: string;
  /** Path and query. */
  address: string;
  headers: Record<string, string>;
  body: string | undefined;
}

/** The depth of values without a schema. */
const freeDepthMax = 3;

/** Requests to all operations of `document`: valid ones, and ones with any errors. */
export function requestsOf(document: Part): fc.Arbitrary<FuzzRequest> {
  const at = (part: Part): Part => (part?.$ref ? at(pointed(document, part.$ref)) : part);
  const operations = Object.entries<Part>(document.paths).flatMap(([path, item]) =>
    Object.entries<Part>(item).map(([method, operation]) => {
      const parameters: Part[] = (operation.parameters ?? []).map(at);
      const body = at(operation.requestBody)?.content["application/json"];
      return {
        // Operations with more parameters have more requests.
        weight: 2 ** Math.min(parameters.length, 4) * (body ? 3 : 1),
        arbitrary: requestOf(path, method, parameters, body, at),
      };
    }),
  );
  return fc.oneof(...operations);
}

type At = (part: Part) => Part;

function requestOf(path: string, method: string, parameters: Part[], body: Part, at: At): fc.Arbitrary<FuzzRequest> {
  const given = fc.tuple(...parameters.map((parameter) => parameterOf(parameter, at)));
  return fc.record({ given, body: body ? bodyOf(body, at) : fc.constant(undefined) }).map(({ given, body }) => {
    let address = path;
    const query: string[] = [];
    const headers: Record<string, string> = {};
    for (const [index, { name, in: place }] of parameters.entries()) {
      const values = given[index]!;
      if (place === "path") address = address.replace(`{${name}}`, values[0] ?? "");
      else if (place === "query") query.push(...values.map((value) => `${name}=${value}`));
      else if (values[0] !== undefined) headers[name] = values.join(", ");
    }
    return { path, method, address: query.length > 0 ? `${address}?${query.join("&")}` : address, headers, body };
  });
}

/** The values of one parameter, encoded for its place: one, rarely none, two, or something else. */
function parameterOf({ in: place, required, schema, example }: Part, at: At): fc.Arbitrary<string[]> {
  const valid = fc.oneof(
    // Mostly the example, so that requests have values in common.
    ...(example === undefined ? [] : [{ weight: required ? 24 : 1, arbitrary: fc.constant(String(example)) }]),
    { weight: 1, arbitrary: valueOf(schema, at).map(String) },
  );
  const other = fc.oneof(fc.string({ unit: "grapheme" }), fc.integer().map(String), fc.double().map(String));
  const encode = place === "header" ? headerText : encodeURIComponent;
  const odd = place === "header" ? fc.constant("*") : fc.constantFrom("%00", "a%2Fb", "%ff", "%zz", "..%2f");
  const one = fc.oneof(
    { weight: 20, arbitrary: valid.map(encode) },
    { weight: 1, arbitrary: other.map(encode) },
    // As `If-None-Match` the odd one of headers is what a copy is still current by.
    { weight: place === "header" ? 3 : 1, arbitrary: odd },
  );
  return fc.oneof(
    { weight: 30, arbitrary: one.map((value) => [value]) },
    { weight: required ? 1 : 20, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: fc.array(one, { minLength: 2, maxLength: 2 }) },
  );
}

/** The text without the characters that a header cannot have. */
const headerText = (text: string): string => text.replaceAll(/[^\x20-\x7e\xa0-\xff]/g, "?").trim();

function bodyOf({ schema, example, examples = {} }: Part, at: At): fc.Arbitrary<string> {
  const given = [
    ...(example === undefined ? [] : [example]),
    ...Object.values<Part>(examples).map(({ value }) => value),
  ];
  const valid = fc.oneof(...(given.length > 0 ? [{ weight: 2, arbitrary: fc.constantFrom<Part[]>(...given) }] : []), {
    weight: 1,
    arbitrary: valueOf(schema, at),
  });
  return fc.oneof(
    { weight: 4, arbitrary: valid.map((value) => JSON.stringify(value)) },
    { weight: 6, arbitrary: mutated(valid).map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: valid.chain((value) => broken(JSON.stringify(value))) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "",
        "[".repeat(40) + "]".repeat(40),
        '{"type":"set","type":"set","payload":{}}',
        '{"type":"set","payload":{"__proto__":{}}}',
        '{"type":"set","payload":{"target":"n","value":1e400}}',
        '{"type":"set","payload":{"target":"n","value":"\\ud800"}}',
        `{"type":"set","payload":{"target":"n","value":"${"x".repeat(66_000)}"}}`,
      ),
    },
  );
}

/** A valid value with one member changed, removed or added, at any depth. */
function mutated(valid: fc.Arbitrary<Part>): fc.Arbitrary<Part> {
  return fc
    .tuple(valid, fc.array(fc.nat(), { minLength: 1, maxLength: 6 }), free(), fc.nat(2))
    .map(([value, turns, replacement, how]) => {
      const copy = structuredClone(value) as Part;
      let inside = copy;
      for (const [at, turn] of turns.entries()) {
        if (typeof inside !== "object" || inside === null) break;
        const keys = Object.keys(inside);
        const key = keys[turn % Math.max(keys.length, 1)];
        const next = key === undefined ? undefined : inside[key];
        if (at < turns.length - 1 && typeof next === "object" && next !== null) {
          inside = next;
          continue;
        }
        if (how === 0 && key !== undefined) delete inside[key];
        else if (how === 1 && key !== undefined) inside[key] = replacement;
        else inside[Array.isArray(inside) ? keys.length : "more"] = replacement;
        break;
      }
      return copy;
    });
}

/** Text without one piece of it. */
const broken = (text: string): fc.Arbitrary<string> =>
  fc.tuple(fc.nat(text.length), fc.nat(8)).map(([from, length]) => text.slice(0, from) + text.slice(from + length));

/** A value that a schema allows. */
function valueOf(reference: Part, at: At): fc.Arbitrary<Part> {
  const schema = at(reference);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if ("const" in schema) return fc.constant(schema.const);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map((choice: Part) => valueOf(choice, at)));
  switch (schema.type) {
    case "string":
      if (schema.pattern) {
        return fc
          .stringMatching(new RegExp(schema.pattern, "u"))
          .filter(({ length }) => length >= (schema.minLength ?? 0) && length <= (schema.maxLength ?? Infinity));
      }
      return fc.string({ minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 20, 20) });
    case "integer":
      return fc.oneof(
        fc.integer({ min: Math.max(schema.minimum ?? (schema.exclusiveMinimum ?? -10) + 1, -10), max: 20 }),
        fc.maxSafeInteger().filter((value) => value >= (schema.minimum ?? 1)),
      );
    case "number":
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(valueOf(schema.items ?? {}, at), { minLength: schema.minItems ?? 0, maxLength: 4 });
    case "object": {
      const properties = Object.entries<Part>(schema.properties ?? {}).map(([name, part]) => [name, valueOf(part, at)]);
      const known = fc.record(Object.fromEntries(properties), { requiredKeys: schema.required ?? [] });
      if (schema.additionalProperties === false || properties.length > 0) return known;
      return fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), free(), { maxKeys: 4 });
    }
    default:
      return free();
  }
}

const free = (): fc.Arbitrary<Part> => fc.jsonValue({ maxDepth: freeDepthMax });

/** Resolves a `$ref` within the document. */
function pointed(document: Part, reference: string): Part {
  return reference
    .replace("#/", "")
    .split("/")
    .reduce((part, step) => part[step.replaceAll("~1", "/").replaceAll("~0", "~")], document);
}
