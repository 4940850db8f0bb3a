/** Where a tenant's objects live. */
export interface Placement {
  /** Data does not leave it: "eu" or "fedramp". It is part of who an object is, so it cannot be changed later. */
  jurisdiction?: DurableObjectJurisdiction;
  /** Near whom an object is made, where it is not made yet. */
  locationHint?: DurableObjectLocationHint;
}

/** Says for each tenant where its objects live. It has to go on saying the same. */
export type PlacementOf = (tenant: string) => Placement;

/** A fresh stub of the object with this name, where its tenant's objects live. */
export function stubOf<T extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<T>,
  name: string,
  { jurisdiction, locationHint }: Placement,
): DurableObjectStub<T> {
  const within = jurisdiction === undefined ? namespace : namespace.jurisdiction(jurisdiction);
  return within.getByName(name, locationHint === undefined ? undefined : { locationHint });
}
