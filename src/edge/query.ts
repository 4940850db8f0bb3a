import type { MiddlewareHandler } from "hono";
import * as z from "zod/mini";
import { isId, violationsOf } from "../protocol/index.ts";
import type { EdgeEnv } from "./env.ts";
import { Refused } from "./refused.ts";

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

/** The proof of an event, as a reader has received it. */
export const proofParameter = z.optional(
  z.string("Not one proof.").check(
    z.refine(isId, { error: "Not a proof." }),
    z.meta({
      description:
        "The proof of the event `since`: the request is refused as `log_replaced` if the log is another one.",
      example: "9f86d081884c7d65",
    }),
  ),
);

/** Whether the answer has proofs. */
export const proofsParameter = z.optional(
  z
    .literal("true", { error: "Not true." })
    .check(z.meta({ description: "The answer has the proof of the last event that it brings, or whose state it is." })),
);

/** Whether events have their authors. */
export const authorsParameter = z.optional(
  z
    .literal("true", { error: "Not true." })
    .check(z.meta({ description: "Each event has its `author`, where the model shows it." })),
);

/** Whether events have their correlation ids. */
export const correlationsParameter = z.optional(
  z
    .literal("true", { error: "Not true." })
    .check(
      z.meta({ description: "Beside each event is its `correlationId`, which all share that one event has led to." }),
    ),
);

/** Whether events have their annotations. */
export const annotationsParameter = z.optional(
  z
    .literal("true", { error: "Not true." })
    .check(z.meta({ description: "Each event has its `label`, `userId` and `meta`, if it has some." })),
);

/** Whether events have the ids that count once in the partition. */
export const draftIdsParameter = z.optional(
  z
    .literal("true", { error: "Not true." })
    .check(
      z.meta({ description: "Each event that was submitted on the Insieme wire has its id there, as `draftId`." }),
    ),
);

type QueryMiddleware<Shape extends Record<string, z.ZodMiniType>> = MiddlewareHandler<
  EdgeEnv,
  string,
  { in: { query: z.input<z.ZodMiniObject<Shape>> }; out: { query: z.output<z.ZodMiniObject<Shape>> } }
>;

/** Checks the query parameters of `shape`. Other parameters are ignored. @throws Refused */
export function query<Shape extends Record<string, z.ZodMiniType>>(shape: Shape): QueryMiddleware<Shape> {
  const schema = z.object(shape);
  return async (c, next) => {
    c.req.addValidatedData("query", parse(schema, c.req.queries()));
    await next();
  };
}

/** A parameter that is given several times is a list, which no schema here takes. */
function parse<Schema extends z.ZodMiniType<object>>(
  schema: Schema,
  given: Record<string, string[]>,
): z.output<Schema> {
  const values = Object.entries(given).map(([name, all]) => [name, all.length === 1 ? all[0] : all]);
  const { success, data, error } = z.safeParse(schema, Object.fromEntries(values));
  if (success) return data;
  const errors = violationsOf(error.issues, [], "invalid_type");
  const names = [...new Set(errors.map(({ field }) => `"${field}"`))].join(" and ");
  const numbers = errors.every(({ message }) => message === wrong.error);
  const detail = numbers ? `${names} must be a whole number from 0 on.` : `${names} cannot be read: see errors.`;
  throw new Refused({ code: "bad_request", detail, errors });
}
