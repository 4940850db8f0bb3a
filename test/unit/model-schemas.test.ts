import { expect, it } from "vitest";
import * as z from "zod/mini";
import { modelSchemas } from "../../src/edge/document/model-schemas.ts";
import { defineModel } from "../../src/model/index.ts";
import { openTypes } from "../../src/models/open-types/index.ts";

const tasks = defineModel({
  name: "tasks (2)",
  version: 3,
  initialState: () => ({}),
  events: {
    add: { payload: z.strictObject({ text: z.string().check(z.minLength(1)) }), reduce() {} },
    move: {
      version: 2,
      upcast: { 1: (payload) => payload },
      payload: z.object({ to: z.int(), when: z.custom<Date>() }),
      reduce() {},
    },
    swept: { internal: true, payload: z.strictObject({}), reduce() {} },
  },
});

it("[OB-5] the document has what clients may submit: the types of each model, with the schemas of their payloads", () => {
  const schemas = modelSchemas({ "list-*": tasks, inbox: tasks, "*": openTypes() });
  expect(Object.keys(schemas)).toEqual(["EventOf.tasks-2-"]);
  const { description, oneOf } = schemas["EventOf.tasks-2-"]!;
  expect(description).toContain("`list-*`, `inbox`");
  expect(oneOf).toEqual([
    {
      title: "add",
      type: "object",
      properties: {
        type: { const: "add" },
        version: { const: 1 },
        payload: {
          type: "object",
          properties: { text: { type: "string", minLength: 1 } },
          required: ["text"],
          additionalProperties: false,
        },
      },
      required: ["type", "payload"],
    },
    expect.objectContaining({ title: "move", required: ["type", "payload", "version"] }),
  ]);
});

it("[OB-5] a payload that contains itself refers to its place in the document", () => {
  interface Node {
    children: Node[];
  }
  const node: z.ZodMiniType<Node> = z.object({ children: z.array(z.lazy(() => node)) });
  const model = defineModel({
    name: "tree",
    version: 1,
    initialState: () => ({}),
    events: { grow: { payload: node, reduce() {} } },
  });
  const { "EventOf.tree": tree } = modelSchemas({ "*": model });
  const place = "#/components/schemas/EventOf.tree/oneOf/0/properties/payload";
  expect(tree!["oneOf"]).toMatchObject([
    { properties: { payload: { properties: { children: { items: { $ref: place } } } } } },
  ]);
});

it("[OB-5] two models of one name are distinguished", () => {
  const again = defineModel({ name: "tasks (2)", version: 1, initialState: () => ({}), events: tasks.events });
  expect(Object.keys(modelSchemas({ a: tasks, b: again }))).toEqual(["EventOf.tasks-2-", "EventOf.tasks-2-.1"]);
});
