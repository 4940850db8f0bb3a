import type { DirectoryQuery } from "../platform/directory-api.ts";
import { callObjectOnce } from "../platform/call.ts";
import type { EdgeContext } from "./env.ts";
import { Refused } from "./refused.ts";

/** Of the hottest, which are looked up by their names. */
const hottestUnits = 50;
/** By other figures, or with a filter: all rows can be looked through, because no figure has an index. */
const scanUnits = 200;

/** What a list costs, see `listingPurpose`, besides the partitions that are asked for it. */
export function unitsOf({ only, order }: Pick<DirectoryQuery, "only" | "order">): number {
  if (order === "hottest") return hottestUnits;
  return (order ?? only) === undefined ? 1 : scanUnits;
}

/** @throws Refused where the caller has listed too much. In open development mode there are no limits. */
export async function pay(c: EdgeContext, count: number): Promise<void> {
  const { identity, stub } = c.get("tenantAccess");
  if (identity.mode !== "verified") return;
  const { principal } = identity.author;
  const failure = await callObjectOnce(stub, (tenant) => tenant.takeListed({ principal, count }));
  if (failure) throw new Refused(failure);
}
