/**
 * Selections of a state: values that are computed again only when something they have read has changed. For every
 * framework, and without one.
 *
 * @module partita/client/select
 */
import type * as z from "zod/mini";
import type { DeepReadonly } from "../model/index.ts";
import type { Client } from "./api/client.ts";
import type { SelectOptions, Selection } from "./selections/selection.ts";
import { Selections } from "./selections/selections.ts";

export type { SelectOptions, Selection } from "./selections/selection.ts";

/**
 * Selects a value of the optimistic state of `client`. The selector reads the state itself, without a copy, and what
 * it reads is recorded: while there are listeners, it runs again only after a change of that, whatever the size of the
 * state. Its result may contain parts of the state, which are copied; it must depend on nothing but the state.
 *
 * @example
 * const title = select(client, (state) => state.title);
 * const stop = title.subscribe(() => render(title.get()));
 */
export function select<S extends object, P extends Record<string, z.core.$ZodType>, T>(
  client: Client<S, P>,
  selector: (state: DeepReadonly<S>) => T,
  options: SelectOptions<T> = {},
): Selection<T> {
  return Selections.of(client).select(selector as (state: object) => T, options);
}
