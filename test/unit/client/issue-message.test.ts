import { expect, it } from "vitest";
import * as z from "zod/mini";
import { messageOf } from "../../../src/client/sync/issue-message.ts";
import { payloadViolations } from "../../../src/model/index.ts";

const payload = z.strictObject({
  name: z.string().check(z.minLength(2)),
  tags: z.array(z.string()).check(z.maxLength(1)),
  kind: z.enum(["seat", "box"]),
  price: z.number().check(z.maximum(3, { error: "Too expensive" })),
  left: z.number().check(z.gt(3)),
  even: z.number().check(z.multipleOf(2)),
  code: z.string().check(z.regex(/^a$/)),
  mail: z.email(),
  either: z.union([z.string(), z.boolean()]),
});
const fitting = {
  name: "ab",
  tags: [],
  kind: "box",
  price: 1,
  left: 4,
  even: 2,
  code: "a",
  mail: "a@example.com",
  either: "",
};

const said = (value: Partial<Record<keyof typeof fitting, unknown>>): string[] =>
  payloadViolations({ payload }, { ...fitting, ...value } as never, messageOf).map(
    ({ field, message }) => `${field}: ${message}`,
  );

it("[ER-1] says what a schema expects, where the application has loaded no language of zod", () => {
  expect(said({})).toEqual([]);
  expect(said({ name: "a", tags: ["a", "b"], kind: "sofa", price: 4, left: 3, even: 3, code: "b", mail: "a" })).toEqual(
    [
      "payload.name: Invalid input: expected string of >= 2",
      "payload.tags: Invalid input: expected array of <= 1",
      "payload.kind: Invalid input: expected seat or box",
      "payload.price: Too expensive",
      "payload.left: Invalid input: expected number of > 3",
      "payload.even: Invalid input: expected a multiple of 2",
      "payload.code: Invalid input: expected /^a$/",
      "payload.mail: Invalid input: expected email",
    ],
  );
  expect(said({ name: 5, either: 5 })).toEqual([
    "payload.name: Invalid input: expected string",
    "payload.either: Invalid input",
  ]);
});
