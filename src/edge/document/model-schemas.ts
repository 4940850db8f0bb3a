import * as z from "zod/mini";
import type { AnyModel, ModelRegistry } from "../../model/index.ts";

type JsonSchema = Record<string, unknown>;

/** What the name of a component may not have. */
const unnameable = /[^A-Za-z0-9._-]+/g;

/**
 * The event types of an application as components of its document: for each model what clients may submit to it, by the
 * name `EventOf.<model>`. A model that takes any type has none.
 */
export function modelSchemas(models: ModelRegistry): Record<string, JsonSchema> {
  const schemas: Record<string, JsonSchema> = {};
  for (const model of new Set(Object.values(models))) {
    const types = Object.keys(model.events).filter((type) => !model.internalTypes.includes(type));
    if (types.length === 0) continue;
    const served = Object.keys(models).filter((pattern) => models[pattern] === model);
    const own = `EventOf.${model.name.replaceAll(unnameable, "-")}`;
    // Two models can have one name, in two applications of one deployment.
    const name = Object.hasOwn(schemas, own) ? `${own}.${Object.keys(schemas).length}` : own;
    schemas[name] = {
      description: `What is submitted to partitions of the model \`${model.name}\`, version ${model.version}: ${served.map((pattern) => `\`${pattern}\``).join(", ")}.`,
      oneOf: types.map((type, at) => eventSchema(model, type, `#/components/schemas/${name}/oneOf/${at}`)),
    };
  }
  return schemas;
}

/** `place`: where it is in the document. */
function eventSchema(model: AnyModel, type: string, place: string): JsonSchema {
  const { payload, version = 1 } = model.events[type]!;
  return {
    title: type,
    type: "object",
    properties: {
      type: { const: type },
      version: { const: version },
      payload: payloadSchema(payload, `${place}/properties/payload`),
    },
    // Without a version it is of the first one.
    required: ["type", "payload", ...(version > 1 ? ["version"] : [])],
  };
}

/**
 * What a schema checks by code cannot be said: there the document allows anything. The references of one that contains
 * itself begin at itself; in the document they begin at its place.
 */
function payloadSchema(payload: z.core.$ZodType, place: string): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(payload, { io: "input", unrepresentable: "any" });
  return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#', `"$ref":"${place}`)) as JsonSchema;
}
