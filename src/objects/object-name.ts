/**
 * The name of an object.
 *
 * @throws Error where the object was opened by its id: an id does not tell the name, and without it neither the tenant nor
 * the partition is known. Nothing was read or written then.
 */
export function nameOf({ name }: DurableObjectId): string {
  if (name === undefined) throw new Error("open this object by its name (getByName): its id does not tell whose it is");
  return name;
}
