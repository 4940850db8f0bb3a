import { type Named, rpcVersion } from "../platform/rpc.ts";

/** Arguments for a call of this version. */
export function named<Arguments extends object>(given: Arguments): Named<Arguments> {
  return { version: rpcVersion, ...given };
}

/**
 * Calls `method` of an object; or, if the object is of the version before and does not have it, `before`, which calls
 * what that version has. Nothing has run then, so that this is safe for every call.
 */
export async function orBefore<T>(method: string, call: () => Promise<T>, before: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    // Platform fact: an error has no other mark. The runner of the tests leaves out "the method".
    if (!/does not implement (the method )?"/.test(String(error)) || !String(error).includes(`"${method}"`))
      throw error;
    return await before();
  }
}
