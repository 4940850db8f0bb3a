/** Where a tenant's objects live. */
export interface Placement {
  /** Data does not leave it: "eu" or "fedramp". It is part of an object's identity, so it cannot be changed later. */
  jurisdiction?: DurableObjectJurisdiction;
  /** The region where a new object is created. */
  locationHint?: DurableObjectLocationHint;
}

/** Returns where the objects of a tenant live. The result for a tenant must never change. */
export type PlacementOf = (tenant: string) => Placement;

/** Returns a fresh stub of the object with this name and placement. */
export function stubOf<T extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<T>,
  name: string,
  { jurisdiction, locationHint }: Placement,
): DurableObjectStub<T> {
  const within = jurisdiction === undefined ? namespace : namespace.jurisdiction(jurisdiction);
  return within.getByName(name, locationHint === undefined ? undefined : { locationHint });
}
