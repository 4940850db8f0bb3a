// The inventory once more, on plain data and without any code of the product: units are counted by going through all
// holds, where the model has running counts.

/** JSON of a test: its shape is known where it is used. */
type Plain = any;

const has = (object: Plain, key: string): boolean => Object.hasOwn(object, key);
const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);

interface NaiveHold {
  holder: string;
  lines: { item: string; location: string; quantity: number }[];
  expiresAt: number;
}

/** What the naive inventory keeps: no counts of what is held. */
export interface NaiveInventory {
  onHand: Record<string, Record<string, number>>;
  holds: Record<string, NaiveHold>;
  limits: Record<string, number>;
  taken: Record<string, Record<string, number>>;
}

/** An object without inherited members: names of items may be those. */
const dictionary = (): Plain => Object.create(null);

export const emptyInventory = (): NaiveInventory => ({
  onHand: dictionary(),
  holds: dictionary(),
  limits: dictionary(),
  taken: dictionary(),
});

function linesOf(state: NaiveInventory, which: (line: NaiveHold["lines"][number], hold: NaiveHold) => boolean) {
  return Object.values(state.holds).flatMap((hold) => hold.lines.filter((line) => which(line, hold)));
}
const units = (lines: NaiveHold["lines"]): number => sum(lines.map(({ quantity }) => quantity));

/** Units that are held of an item at a location. */
function heldAt(state: NaiveInventory, item: string, location: string): number {
  return units(linesOf(state, (line) => line.item === item && line.location === location));
}

/** Applies an event of a valid shape. False: it is rejected, and the state is unchanged. */
export function applyToInventory(
  state: NaiveInventory,
  { type, payload, author, timestamp }: { type: string; payload: Plain; author: string; timestamp: number },
): boolean {
  const { onHand, holds, limits, taken } = state;
  const { item, location, hold } = payload;
  const isThere = has(onHand, item) && has(onHand[item]!, location);
  const end = (confirmed: boolean): boolean => {
    for (const line of holds[hold]!.lines) {
      if (!confirmed) continue;
      onHand[line.item]![line.location]! -= line.quantity;
      if (!has(limits, line.item)) continue;
      const { holder } = holds[hold]!;
      taken[line.item] ??= dictionary();
      taken[line.item]![holder] = (taken[line.item]![holder] ?? 0) + line.quantity;
    }
    delete holds[hold];
    return true;
  };
  switch (type) {
    case "restock":
      onHand[item] ??= dictionary();
      onHand[item]![location] = (onHand[item]![location] ?? 0) + payload.quantity;
      return true;
    case "adjust":
      if (!isThere || onHand[item]![location]! + payload.by < heldAt(state, item, location)) return false;
      onHand[item]![location]! += payload.by;
      return true;
    case "limit":
      if (!has(onHand, item)) return false;
      if (payload.perHolder !== null) limits[item] = payload.perHolder;
      else {
        delete limits[item];
        delete taken[item];
      }
      return true;
    case "remove":
      if (!has(onHand, item) || Object.values(onHand[item]!).some((count) => count > 0)) return false;
      delete onHand[item];
      delete limits[item];
      delete taken[item];
      return true;
    case "reserve": {
      const lines = payload.lines as NaiveHold["lines"];
      if (has(holds, hold) || Object.values(holds).filter(({ holder }) => holder === author).length >= 100)
        return false;
      for (const line of lines) {
        const free = (onHand[line.item]?.[line.location] ?? -1) - heldAt(state, line.item, line.location);
        if (free < line.quantity) return false;
        if (!has(limits, line.item)) continue;
        const own = units(linesOf(state, ({ item: of }, { holder }) => of === line.item && holder === author));
        const all = own + (taken[line.item]?.[author] ?? 0) + units(lines.filter((one) => one.item === line.item));
        if (all > limits[line.item]!) return false;
      }
      holds[hold] = { holder: author, lines: structuredClone(lines), expiresAt: timestamp + 600_000 };
      return true;
    }
    case "confirm":
    case "release":
      return has(holds, hold) && holds[hold]!.holder === author && end(type === "confirm");
    case "expire":
      return has(holds, hold) && holds[hold]!.expiresAt === payload.expiresAt && end(false);
    case "settle":
      return has(holds, hold) && end(payload.outcome === "confirmed");
  }
  return false;
}

/** The state of the model that says the same. */
export function inventoryState(state: NaiveInventory): Plain {
  const { onHand, holds, limits, taken } = state;
  const items: Plain = {};
  const holders: Record<string, number> = {};
  const counts = (lines: [string, number][]): Record<string, number> => {
    const result: Record<string, number> = {};
    for (const [key, count] of lines) result[key] = (result[key] ?? 0) + count;
    return result;
  };
  for (const [item, locations] of Object.entries(onHand)) {
    const stock = Object.entries(locations).map(
      ([location, count]) => [location, { onHand: count, held: heldAt(state, item, location) }] as const,
    );
    const held = Object.values(holds).flatMap(({ holder, lines }) =>
      lines.filter((line) => line.item === item).map(({ quantity }): [string, number] => [holder, quantity]),
    );
    items[item] = {
      stock: Object.fromEntries(stock),
      held: counts(held),
      taken: taken[item] ?? {},
      ...(has(limits, item) && { perHolder: limits[item] }),
    };
  }
  for (const { holder } of Object.values(holds)) holders[holder] = (holders[holder] ?? 0) + 1;
  const held = units(linesOf(state, () => true));
  return {
    items,
    holds,
    openHolds: Object.keys(holds).length,
    holders,
    totals: { onHand: sum(Object.values(onHand).flatMap((at) => Object.values(at))), held, reserved: held, short: 0 },
  };
}

/** What the state of the model says, without its counts. */
function naiveOf({ items, holds }: Plain): NaiveInventory {
  const naive = emptyInventory();
  for (const [item, { stock, perHolder, taken }] of Object.entries<Plain>(items)) {
    naive.onHand[item] = dictionary();
    for (const [location, { onHand }] of Object.entries<Plain>(stock)) naive.onHand[item]![location] = onHand;
    if (perHolder !== undefined) naive.limits[item] = perHolder;
    if (Object.keys(taken).length > 0) naive.taken[item] = taken;
  }
  Object.assign(naive.holds, holds);
  return naive;
}

/** For the runs of the simulator, in which all holds are of one holder, and nothing has a limit. */
export const inventory = {
  initial: () => inventoryState(emptyInventory()),
  apply(state: Plain, { type, payload, timestamp }: { type: string; payload: Plain; timestamp: number }): boolean {
    const naive = naiveOf(structuredClone(state));
    if (!applyToInventory(naive, { type, payload, author: "", timestamp })) return false;
    Object.assign(state, inventoryState(naive));
    return true;
  },
  entity: (_: string, payload: Plain): string | undefined => payload.item,
};
