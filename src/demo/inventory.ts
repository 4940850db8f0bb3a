import { type Inventory, inventory } from "../models/inventory/index.ts";
import type { JsonObject } from "../protocol/index.ts";
import { part, say } from "./page.ts";
import { Examples } from "./play.ts";
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

/** What the author of an event did. */
function describe({ type, payload }: { type: string; payload: JsonObject }): string {
  const { item, quantity, by, lines, outcome, perHolder } = payload;
  switch (type) {
    case "restock":
      return `put ${String(quantity)} × ${String(item)} into the shop`;
    case "adjust":
      return `changed the stock of ${String(item)} by ${String(by)}`;
    case "limit":
      return perHolder === null
        ? `ended the limit of ${String(item)}`
        : `allowed ${String(perHolder)} × ${String(item)} to each customer`;
    case "reserve":
      return `reserved ${(lines as { item: string; quantity: number }[]).map(lineText).join(", ")}`;
    case "confirm":
      return "bought what was reserved";
    case "release":
      return "gave back what was reserved";
    case "settle":
      return outcome === "confirmed" ? "sold what was reserved" : "ended a reservation";
    case "expire":
      return "ended a reservation, ten minutes after it began";
    default:
      return type;
  }
}

/** Returns the name of the hold. */
function reserve(side: Customer, item: string): string {
  const hold = `${side.person.toLowerCase()}-${crypto.randomUUID().slice(0, 8)}`;
  side.submit("reserve", { hold, lines: [{ item, location, quantity: 1 }] });
  return hold;
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

const sides: Sides = openSides(partition, newClient, { draw, describe });
for (const side of [sides.left, sides.right]) {
  part(side.element, "fill").addEventListener("click", () => {
    for (const [item, quantity] of Object.entries(assortment)) side.submit("restock", { item, location, quantity });
  });
}

/** What the example has made. */
const made = { holds: [] as string[], restocked: false };
const { left, right } = sides;
const ticket = "last ticket";
new Examples([left, right]).offer("race", {
  async play({ tell, conclude, reconnect }) {
    made.restocked = free(left.client.state as Inventory, ticket) === 0;
    if (made.restocked) {
      left.submit("restock", { item: ticket, location, quantity: 1 });
      await reconnect(left);
    }
    left.connect(false);
    right.connect(false);
    made.holds = [reserve(left, ticket), reserve(right, ticket)];
    await tell("Both have lost the network, and both reserve the last ticket.");
    await reconnect(right);
    await tell(`${right.person} is back first, and has the ticket.`);
    await reconnect(left);
    await conclude(`${left.person} is back second: there is none left, and the reason is shown.`);
  },
  clean() {
    const { holds } = right.client.state as Inventory;
    for (const hold of made.holds) if (holds[hold]) right.submit("release", { hold });
    if (made.restocked) right.submit("adjust", { item: ticket, location, by: -1, reason: "the example has ended" });
    for (const side of [left, right]) side.dismissAll();
  },
});
