/** The units of one item at one location. */
export interface Stock {
  /** Units that are there. */
  onHand: number;
  /** Units of those that holds have reserved. */
  held: number;
}

export interface Item {
  /** By location. */
  stock: Record<string, Stock>;
  /** Units that holds have reserved, by holder. */
  held: Record<string, number>;
  /** Units that one holder may have, held and taken together; absent: no limit. */
  perHolder?: number;
  /** Units that were confirmed since there is a limit, by holder. Empty without a limit. */
  taken: Record<string, number>;
}

export interface Line {
  item: string;
  location: string;
  /** Units. */
  quantity: number;
}

export interface Hold {
  /** The author of the reservation; empty in a draft whose author the client does not know yet. */
  holder: string;
  lines: Line[];
  /** Milliseconds since 1970. */
  expiresAt: number;
}

/** The state of an inventory. */
export interface Inventory {
  items: Record<string, Item>;
  /** The open holds. */
  holds: Record<string, Hold>;
  /** How many they are. */
  openHolds: number;
  /** How many open holds each holder has; those with none are absent. */
  holders: Record<string, number>;
  /** Running totals, in units: with them the invariants cost the same, however many items there are. */
  totals: {
    onHand: number;
    /** As the stock counts it. */
    held: number;
    /** As the holds count it. */
    reserved: number;
    /** How many stocks have fewer units than are held, or fewer than none. */
    short: number;
  };
}

/** The stock of an item at a location; undefined: it was never there. */
export function stockOf<S extends { readonly items: Inventory["items"] }>(
  state: S,
  { item, location }: { item: string; location: string },
): Stock | undefined {
  return state.items[item]?.stock[location];
}

/** Units that can be reserved. */
export function available(stock: Readonly<Stock> | undefined): number {
  return stock ? stock.onHand - stock.held : 0;
}

/** Every change of a stock goes through here, so that the totals follow it. Creates what is absent. */
export function changeStock(
  state: Inventory,
  { item, location }: { item: string; location: string },
  by: { onHand?: number; held?: number },
): void {
  const { items, totals } = state;
  items[item] ??= { stock: {}, held: {}, taken: {} };
  const all = items[item]!.stock;
  all[location] ??= { onHand: 0, held: 0 };
  const stock = all[location]!;
  const { onHand = 0, held = 0 } = by;
  const before = isShort(stock);
  if (onHand !== 0) {
    stock.onHand += onHand;
    totals.onHand += onHand;
  }
  if (held !== 0) {
    stock.held += held;
    totals.held += held;
  }
  totals.short += Number(isShort(stock)) - Number(before);
}

function isShort({ onHand, held }: Stock): boolean {
  return held < 0 || onHand < held;
}

/** Adds `by` units to those of `holder`. Holders without units are absent, so that the state does not keep them. */
export function changeCount(counts: Record<string, number>, holder: string, by: number): void {
  const count = (counts[holder] ?? 0) + by;
  if (count === 0) delete counts[holder];
  else counts[holder] = count;
}
