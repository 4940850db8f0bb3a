import * as z from "zod/mini";

/** No rate is higher, and no burst: what is more is a mistake. */
const perSecondMax = 1_000_000;
/** And none is lower: what takes longer than some days is no rate, and its `Retry-After` no number. */
const perSecondMin = 1 / 1_000_000;
const burstMax = 1_000_000_000;
/** Event types that can have a rate of their own. */
const eventTypesMax = 100;
const drainSecondsMax = 600;
/** More would be too many sockets for an object of the platform. */
const connectionsMax = 32_768;

const rate = z
  .strictObject({
    perSecond: z.number().check(z.minimum(perSecondMin), z.maximum(perSecondMax)),
    burst: z.int().check(z.positive(), z.maximum(burstMax)),
  })
  .check(z.meta({ ref: "Rate", description: "`burst` at once, and `perSecond` again after that." }));
const rateOrNone = z.nullable(rate);
const connections = z.nullable(z.int().check(z.positive(), z.maximum(connectionsMax)));
const eventTypes = z
  .record(z.string(), rate)
  .check(z.refine((rates) => Object.keys(rates).length <= eventTypesMax, `At most ${eventTypesMax} event types.`));

const members = {
  principal: rateOrNone,
  replays: rateOrNone,
  eventTypes,
  tenant: rateOrNone,
  newPartitions: rateOrNone,
  connectionsPerPrincipal: connections,
  connectionsPerPartition: connections,
};
const limits = z.object(members).check(z.meta({ ref: "Limits", description: "`null`: no limit." }));

/** What a tenant sets: some of it, or nothing. */
export const limitsShape = z
  .partial(z.strictObject(members))
  .check(z.meta({ ref: "LimitsOverride", description: "What differs from the application's limits." }));
export const limitsAnswer = z.object({ limits, override: limitsShape });

export const drainShape = z.strictObject({
  seconds: z
    .int()
    .check(z.positive(), z.maximum(drainSecondsMax), z.meta({ description: "How long nothing new is taken." })),
});

const spread = {
  told: z.int().check(z.meta({ description: "Partitions that know." })),
  pending: z.int().check(z.meta({ description: "Partitions that are still to be told." })),
};
export const spreadAnswer = z.object(spread);
const revocation = {
  kind: z.enum(["jti", "sub"]),
  id: z.string(),
  expiresAt: z.int().check(z.meta({ description: "When it is forgotten, because no such token is valid any longer." })),
};
export const revokedAnswer = z.object({ ...revocation, ...spread });
export const revocationList = z.object({
  revocations: z.array(
    z.object({
      ...revocation,
      at: z.int().check(z.meta({ description: "Seconds: tokens of a subject issued up to then are meant." })),
    }),
  ),
});
export const ticketAnswer = z.object({ ticket: z.string(), expiresAt: z.int() });
