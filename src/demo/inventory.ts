import { type Inventory, inventory } from "../models/inventory/index.ts";
import type { JsonObject } from "../protocol/index.ts";
import { part, say } from "./page.ts";
import { paneClient, type Row, showRows, timeLeft } from "./side.ts";
import { openSides, type SideOf } from "./two-sides.ts";

/** Where everything is in this demo. */
const location = "shop";
/** What the shop sells, and how many of it there are at first. */
const assortment = { lamp: 3, chair: 5, "last ticket": 1 };
const restocked = 3;

const lineText = ({ item, quantity }: { item: string; quantity: number }): string => `${quantity} × ${item}`;
const free = ({ items }: Inventory, item: string): number => {
  const stock = items[item]?.stock[location];
  return stock ? stock.onHand - stock.held : 0;
};

const partition = "inventory:demo";
const newClient = (clientId: string) => paneClient(inventory, partition, clientId);
type Customer = SideOf<ReturnType<typeof newClient>>;
interface Sides {
  left: Customer;
  right: Customer;
}

/** One line that describes an event. */
function describe({ payload }: { payload: JsonObject }): string {
  const { item, quantity, by, hold, lines, outcome, perHolder } = payload;
  if (Array.isArray(lines)) return (lines as { item: string; quantity: number }[]).map(lineText).join(", ");
  if (item === undefined) return [outcome, hold].filter((each) => each !== undefined).join(" ");
  if (perHolder !== undefined)
    return `${String(item)}: ${perHolder === null ? "no limit" : `${String(perHolder)} each`}`;
  return [item, quantity ?? by].filter((each) => each !== undefined).join(" ");
}

function reserve(side: Customer, item: string): void {
  const hold = `${side.person.toLowerCase()}-${crypto.randomUUID().slice(0, 8)}`;
  side.submit("reserve", { hold, lines: [{ item, location, quantity: 1 }] });
}

function draw({ left, right }: Sides): void {
  for (const side of [left, right]) drawCustomer(side);
  drawShop(left);
}

function drawCustomer(side: Customer): void {
  const state = side.client.state as Inventory;
  const items = Object.keys(state.items).toSorted();
  showRows(
    part(side.element, "items"),
    items.map((item): Row => {
      const left = free(state, item);
      return {
        key: item,
        text: item,
        hint: left === 0 ? "sold out" : `${left} left`,
        actions: [{ label: "Reserve", disabled: left === 0, run: () => reserve(side, item) }],
      };
    }),
  );
  const { author } = side.client;
  const own = Object.entries(state.holds).filter(([, { holder }]) => holder === author || holder === "");
  showRows(
    part(side.element, "holds"),
    own.map(([hold, { lines, expiresAt }]) => ({
      key: hold,
      text: lines.map(lineText).join(", "),
      hint: `held for ${timeLeft(expiresAt)}`,
      actions: [
        { label: "Buy", main: true, run: () => side.submit("confirm", { hold }) },
        { label: "Release", run: () => side.submit("release", { hold }) },
      ],
    })),
  );
  part(side.element, "no-holds").hidden = own.length > 0;
  part(side.element, "empty").hidden = items.length > 0;
}

function drawShop(side: Customer): void {
  const state = side.client.state as Inventory;
  const items = Object.entries(state.items).toSorted(([a], [b]) => (a < b ? -1 : 1));
  showRows(
    part(document, "stock"),
    items.map(([item, { stock, perHolder }]) => {
      const { onHand, held } = stock[location] ?? { onHand: 0, held: 0 };
      return {
        key: item,
        text: item,
        hint: `${onHand} there, ${held} held${perHolder === undefined ? "" : `, ${perHolder} each at most`}`,
        actions: [
          {
            label: `+${restocked}`,
            run: () => side.submit("restock", { item, location, quantity: restocked }),
          },
          {
            label: perHolder === undefined ? "1 each" : "no limit",
            run: () => side.submit("limit", { item, perHolder: perHolder === undefined ? 1 : null }),
          },
        ],
      };
    }),
  );
  say(
    part(document, "sums"),
    `${state.totals.onHand} units there, ${state.totals.held} of them held in ${Object.keys(state.holds).length} holds.`,
  );
}

/** Both go offline, and reserve the last ticket. */
async function race({ left, right }: Sides): Promise<string> {
  const item = "last ticket";
  if (free(left.client.state as Inventory, item) === 0) {
    const verdict = await left.client.submit("restock", { item, location, quantity: 1 });
    if (verdict.status !== "accepted") return "The ticket is not there: both panes have to be online first.";
  }
  for (const side of [left, right]) {
    side.connect(false);
    reserve(side, item);
  }
  return "Both are offline and have reserved the last ticket. Switch one network on, then the other: the first one gets it.";
}

const sides: Sides = openSides(partition, newClient, { draw, describe });
const raceButton = part(document, "race", HTMLButtonElement);
raceButton.addEventListener("click", async () => {
  raceButton.disabled = true;
  say(part(document, "example-said"), await race(sides));
  raceButton.disabled = false;
});
for (const side of [sides.left, sides.right]) {
  part(side.element, "fill").addEventListener("click", () => {
    for (const [item, quantity] of Object.entries(assortment)) side.submit("restock", { item, location, quantity });
  });
}
