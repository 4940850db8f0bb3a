import { validator } from "hono-openapi";
import * as z from "zod/mini";
import { violationsOf } from "../../protocol/index.ts";
import { Refused } from "../refused.ts";

const wrong = { error: "Not a whole number from 0 on." };

/** A query parameter that is a non-negative whole number in decimal digits, given once. */
export const wholeNumber = (description: string, example: number) =>
  z
    .pipe(
      z.string(wrong).check(z.refine((text) => /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)), wrong)),
      z.transform(Number),
    )
    .check(
      z.meta({
        type: "integer",
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description,
        example,
      }),
    );

/** Validates the query parameters of `shape`, and describes them in the document. Other parameters are ignored. */
export const query = <Shape extends Record<string, z.ZodMiniType>>(shape: Shape) =>
  validator("query", z.object(shape), (result) => {
    if (result.success) return;
    const errors = violationsOf(result.error as readonly z.core.$ZodIssue[], [], "invalid_type");
    const names = [...new Set(errors.map(({ field }) => `"${field}"`))].join(" and ");
    throw new Refused({ code: "bad_request", detail: `${names} must be a whole number from 0 on.`, errors });
  });
