import { isPartitionName } from "../protocol/index.ts";

/** Where an effect goes that leaves its partition. */
export type Destination =
  | { readonly kind: "webhook"; readonly type: string }
  | { readonly kind: "submit"; readonly partition: string };

const webhookType = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** Why nothing can be sent there from the partition `own`; undefined: it can. `own` undefined: it is not known. */
export function destinationFault(to: Destination, own: string | undefined): string | undefined {
  if (to.kind === "webhook")
    return webhookType.test(to.type) ? undefined : `"${to.type}" cannot be the type of a webhook`;
  if (!isPartitionName(to.partition)) return `"${to.partition}" cannot be the name of a partition`;
  return to.partition === own ? "a partition cannot submit to itself: schedule it" : undefined;
}
