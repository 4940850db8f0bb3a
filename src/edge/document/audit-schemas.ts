import * as z from "zod/mini";

const head = z.string().check(z.meta({ description: "A compact JWS." }));

export const signedHead = z.object({ head });
export const auditProof = z.object({
  eventId: z.int(),
  head,
  path: z.array(z.string()).check(
    z.meta({
      description: "SHA-256 in lower-case hexadecimal, from the sibling of the event's leaf to the child of the root.",
    }),
  ),
});
export const auditConsistency = z.object({
  earlier: head,
  head,
  path: z
    .array(z.string())
    .check(z.meta({ description: "SHA-256 in lower-case hexadecimal, in the order of RFC 6962, 2.1.2." })),
});
export const auditKeySet = z.object({
  keys: z.array(
    z.object({
      kid: z.string(),
      kty: z.string(),
      crv: z.string(),
      x: z.string(),
      y: z.optional(z.string()),
      alg: z.string(),
      use: z.literal("sig"),
    }),
  ),
});
