import type { DeepReadonly, Objection } from "../../model/index.ts";
import { bounds } from "../../protocol/index.ts";
import { hasShareLeft } from "../../model/share.ts";
import { available, changeCount, changeStock, type Hold, type Inventory, type Line, stockOf } from "./stock.ts";

/** How long a hold lasts, in milliseconds: long enough to pay. A change of it needs a new version of the model. */
export const holdMs = 10 * 60_000;
/** Open holds of one holder: so one customer cannot take everything in small holds. */
const holdsPerHolderMax = 100;

/** Reserves the lines for `holder`. */
export function openHold(state: Inventory, id: string, hold: Hold): void {
  state.holds[id] = hold;
  state.openHolds++;
  changeCount(state.holders, hold.holder, 1);
  for (const line of hold.lines) {
    state.totals.reserved += line.quantity;
    changeStock(state, line, { held: line.quantity });
    changeCount(state.items[line.item]!.held, hold.holder, line.quantity);
  }
}

/** Ends a hold. `confirmed`: its units leave the stock; else they can be reserved again. */
export function closeHold(state: Inventory, id: string, outcome: "confirmed" | "released"): void {
  const { holder, lines } = state.holds[id]!;
  for (const line of lines) {
    const { item, quantity } = line;
    state.totals.reserved -= quantity;
    const { held, taken, perHolder } = state.items[item]!;
    changeCount(held, holder, -quantity);
    if (outcome === "released") changeStock(state, line, { held: -quantity });
    else {
      changeStock(state, line, { onHand: -quantity, held: -quantity });
      if (perHolder !== undefined) changeCount(taken, holder, quantity);
    }
  }
  changeCount(state.holders, holder, -1);
  delete state.holds[id];
  state.openHolds--;
}

/** Whether a holder has more of an item, held and taken together, than one may have. */
export function isAboveLimit(state: DeepReadonly<Inventory>, item: string, holder: string): boolean {
  const { perHolder = Number.POSITIVE_INFINITY, held, taken } = state.items[item]!;
  return (held[holder] ?? 0) + (taken[holder] ?? 0) > perHolder;
}

/** Why the lines cannot be reserved for `holder`: everything that is wrong with any of them. */
export function objectionsToLines(
  state: DeepReadonly<Inventory>,
  lines: readonly Line[],
  holder: string | undefined,
): Objection[] {
  const objections: Objection[] = [];
  const wanted = new Map<string, number>();
  for (const [at, line] of lines.entries()) {
    const { item, location, quantity } = line;
    wanted.set(item, (wanted.get(item) ?? 0) + quantity);
    const stock = stockOf(state, line);
    const left = available(stock);
    if (!stock) objections.push(unknownStock(`payload.lines[${at}].item`, line));
    else if (quantity > left) {
      objections.push({
        field: `payload.lines[${at}].quantity`,
        code: "INSUFFICIENT_STOCK",
        message: `${left} of "${item}" can be reserved at "${location}".`,
      });
    }
  }
  if (holder === undefined) return objections;
  for (const [item, quantity] of wanted) {
    const { perHolder, held, taken } = state.items[item] ?? { perHolder: undefined, held: {}, taken: {} };
    if (perHolder === undefined) continue;
    const left = Math.max(perHolder - (held[holder] ?? 0) - (taken[holder] ?? 0), 0);
    if (quantity > left) {
      objections.push({
        field: "payload.lines",
        code: "HOLDER_LIMIT",
        message: `One holder may have ${perHolder} of "${item}": ${left} more for you.`,
      });
    }
  }
  return objections;
}

/** Why a holder cannot have another hold: it has all that one may have, or its share of the timers, of which each hold has one. */
export function objectionToHolds(
  { holders, openHolds }: DeepReadonly<Inventory>,
  holder: string | undefined,
): Objection | undefined {
  const own = holder === undefined ? 0 : (holders[holder] ?? 0);
  let message: string;
  if (own >= holdsPerHolderMax)
    message = `One holder may have ${holdsPerHolderMax} open holds: confirm or release some.`;
  else if (hasShareLeft(own, openHolds, bounds.timersMax)) return undefined;
  else message = `${openHolds} holds are open here, ${own} of them yours: the others are for other holders.`;
  return { field: "payload.hold", code: "TOO_MANY_HOLDS", message };
}

/** The open hold of a name; of those of the same name the one that expires then, where that is stated. */
export function openHoldOf(
  state: DeepReadonly<Inventory>,
  { hold, expiresAt }: { hold: string; expiresAt?: number | undefined },
): DeepReadonly<Hold> | undefined {
  const open = state.holds[hold];
  return expiresAt === undefined || open?.expiresAt === expiresAt ? open : undefined;
}

export function noHold(id: string): Objection {
  return { field: "payload.hold", code: "HOLD_NOT_FOUND", message: `There is no open hold "${id}".` };
}

export function unknownStock(field: string, { item, location }: { item: string; location: string }): Objection {
  return { field, code: "STOCK_NOT_FOUND", message: `There is no stock of "${item}" at "${location}".` };
}

/**
 * Why the author cannot end the hold: only its holder can. On a client the author of a draft may be unknown: then the
 * server decides.
 */
export function objectionToEnd(
  state: DeepReadonly<Inventory>,
  named: { hold: string; expiresAt?: number | undefined },
  author: string | undefined,
): Objection | undefined {
  const hold = openHoldOf(state, named);
  if (!hold) return noHold(named.hold);
  // An empty holder: a pending draft of this client has reserved it.
  if (author === undefined || hold.holder === "" || hold.holder === author) return undefined;
  return { field: "payload.hold", code: "NOT_YOUR_HOLD", message: `Only its holder can end "${named.hold}".` };
}
