import { expect, it } from "vitest";
import * as z from "zod/mini";
import { violationsOf } from "../../src/protocol/index.ts";

const shape = z.strictObject({
  name: z.string().check(z.minLength(2)),
  kind: z.enum(["seat", "box"]),
  price: z.number().check(z.maximum(3, { error: "Too expensive" })),
  left: z.number().check(z.gt(3)),
  code: z.string().check(z.regex(/^a$/)),
});

const messages = (value: unknown): string[] => {
  const { error } = shape.safeParse(value);
  return violationsOf(error!.issues).map(({ field, message }) => `${field}: ${message}`);
};

it("[ER-1] says what a schema expects, also where zod has loaded no language", () => {
  expect(messages({ name: "a", kind: "sofa", price: 4, left: 3, code: "b" })).toEqual([
    "name: Invalid input: expected string of at least 2",
    "kind: Invalid input: expected seat or box",
    "price: Too expensive",
    "left: Invalid input: expected number of more than 3",
    "code: Invalid input",
  ]);
  expect(messages({ name: 5, kind: "box", price: 1, left: 4, code: "a" })).toEqual([
    "name: Invalid input: expected string",
  ]);
});
