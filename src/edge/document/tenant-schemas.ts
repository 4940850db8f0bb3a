import * as z from "zod/mini";
import { bounds } from "../../protocol/index.ts";
import { id } from "./id.ts";

/** Upper bounds of rates: a higher value is a mistake. */
const perSecondMax = 1_000_000;
/** The lower bound: a slower rate has a `Retry-After` of many days, up to infinity. */
const perSecondMin = 1 / 1_000_000;
const burstMax = 1_000_000_000;
/** How many event types can have their own rate. */
const eventTypesMax = 100;
/** How many names and prefixes of partitions can be read-only. */
const readOnlyMax = 100;
const drainSecondsMax = bounds.drainMsMax / 1_000;
/** The platform allows no more sockets per object. */
const connectionsMax = 32_768;

const rate = z
  .strictObject({
    perSecond: z.number().check(z.minimum(perSecondMin), z.maximum(perSecondMax)),
    burst: z.int().check(z.positive(), z.maximum(burstMax)),
  })
  .check(z.meta({ ref: "Rate", description: "`burst` at once; the budget refills by `perSecond`." }));
const rateOrNone = z.nullable(rate);
const connections = z.nullable(z.int().check(z.positive(), z.maximum(connectionsMax)));
const eventTypes = z
  .record(z.string(), rate)
  .check(z.refine((rates) => Object.keys(rates).length <= eventTypesMax, `At most ${eventTypesMax} event types.`));

const members = {
  principal: rateOrNone,
  principalBytes: rateOrNone,
  replays: rateOrNone,
  reads: rateOrNone,
  eventTypes,
  tenant: rateOrNone,
  newPartitions: rateOrNone,
  newPartitionsPerPrincipal: rateOrNone,
  connectionsPerPrincipal: connections,
  connectionsPerPartition: connections,
  logBytes: z.nullable(z.int().check(z.positive(), z.maximum(bounds.logBytesMax))),
  effects: z
    .enum(["delivered", "paused"])
    .check(z.meta({ description: "`paused`: effects wait, and nothing is delivered." })),
};
/** Names of partitions, or prefixes of names. */
const readOnly = z
  .array(z.string().check(z.regex(/^([A-Za-z0-9][A-Za-z0-9._~:-]{0,127}|([A-Za-z0-9][A-Za-z0-9._~:-]{0,126})?\*)$/)))
  .check(
    z.maxLength(readOnlyMax),
    z.meta({ description: "Names of partitions, or prefixes that end in `*`; `*`: all of the tenant." }),
  );
const limits = z.object({ ...members, readOnly }).check(z.meta({ ref: "Limits", description: "`null`: no limit." }));

/** The limits that a tenant sets; each is optional. */
export const limitsShape = z
  .partial(z.strictObject(members))
  .check(z.meta({ ref: "LimitsOverride", description: "What differs from the application's limits." }));
export const limitsAnswer = z.object({
  limits,
  override: z
    .partial(z.object({ ...members, readOnly }))
    .check(z.meta({ ref: "LimitsSet", description: "What differs." })),
});
export const readOnlyShape = z.strictObject({ partitions: readOnly });

export const drainShape = z.strictObject({
  seconds: z
    .int()
    .check(z.positive(), z.maximum(drainSecondsMax), z.meta({ description: "How long new work is refused." })),
});

const spread = {
  told: z.int().check(z.meta({ description: "Partitions that have the change." })),
  pending: z.int().check(z.meta({ description: "Partitions that do not have the change yet." })),
};
export const spreadAnswer = z.object(spread);
const revocation = {
  kind: z.enum(["jti", "sub"]),
  id: z.string(),
  expiresAt: z
    .int()
    .check(z.meta({ description: "When the revocation is deleted, because no such token is valid any more." })),
};
const at = z.int().check(
  z.nonnegative(),
  z.meta({
    description:
      "Seconds since 1970, by the clock of the issuer. It covers the tokens of the subject that were issued up to the end of this second.",
  }),
);
/** What is revoked. */
export const revocationShape = z.strictObject({
  kind: revocation.kind,
  id: id,
  at: z.optional(at),
});
export const revokedAnswer = z.object({ ...revocation, at, ...spread });
export const revocationList = z.object({ revocations: z.array(z.object({ ...revocation, at })) });
export const ticketAnswer = z.object({ ticket: z.string(), expiresAt: z.int() });
