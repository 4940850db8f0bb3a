import type { AnyModel } from "../model/index.ts";
import { withoutGlobals } from "./globals.ts";

type AnyFunction = (this: unknown, ...given: unknown[]) => unknown;

/** The same model, whose functions find no clock and no randomness. */
export function guarded<M extends AnyModel>(model: M): M {
  const events = guardedFunctions(model.events) as AnyModel["events"];
  const own = Object.fromEntries(
    (["initialState", "authorize", "invariants"] as const).flatMap((name) =>
      model[name] === undefined ? [] : [[name, guardedPart(model[name])]],
    ),
  );
  const eventType = (type: string) => (Object.hasOwn(events, type) ? events[type] : undefined);
  return { ...model, ...own, events, eventType };
}

/** What a definition has, with its functions guarded; also those in it, as of `upcast`. Schemas stay as they are. */
function guardedFunctions(definition: object): object {
  return Object.fromEntries(Object.entries(definition).map(([name, part]) => [name, guardedPart(part)]));
}

function guardedPart(part: unknown): unknown {
  if (typeof part === "function") return guardedFunction(part as AnyFunction);
  const isPlain = typeof part === "object" && part !== null && Object.getPrototypeOf(part) === Object.prototype;
  return isPlain && !("_zod" in part) ? guardedFunctions(part) : part;
}

function guardedFunction(run: AnyFunction): AnyFunction {
  return function (...given) {
    return withoutGlobals(() => run.apply(this, given));
  };
}
