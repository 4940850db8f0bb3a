/** An application's function threw: the draft fails, not the partition. `cause` is what it threw. */
export class ModelFault extends Error {
  override name = "ModelFault";
}

/** Calls the application's code, so that its errors are distinguished from those of the storage. */
export function callModel<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new ModelFault("the model threw", { cause: error });
  }
}
