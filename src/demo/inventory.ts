import { type Inventory, inventory } from "../models/inventory/index.ts";
import type { JsonObject } from "../protocol/index.ts";
import { counted, part, say } from "./page.ts";
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

/** Returns the name of the hold, and its verdict. */
function reserve(side: Customer, item: string) {
  const hold = `hold-${crypto.randomUUID().slice(0, 8)}`;
  return { hold, verdict: side.submit("reserve", { hold, lines: [{ item, location, quantity: 1 }] }) };
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
        actions: [{ label: "Reserve", disabled: left === 0, run: () => void reserve(side, item) }],
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
        { label: "Buy", main: true, run: () => void side.submit("confirm", { hold }) },
        { label: "Give back", run: () => void side.submit("release", { hold }) },
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
        hint: `${onHand} there${held === 0 ? "" : `, ${held} reserved`}${perHolder === undefined ? "" : `, ${perHolder} per person`}`,
        actions: [
          {
            label: `Add ${restocked}`,
            run: () => void side.submit("restock", { item, location, quantity: restocked }),
          },
          {
            label: perHolder === undefined ? "1 per person" : "No limit",
            run: () => void side.submit("limit", { item, perHolder: perHolder === undefined ? 1 : null }),
          },
        ],
      };
    }),
  );
  say(
    part(document, "sums"),
    `${counted(state.totals.onHand, "thing")} in the shop, ${state.totals.held} of them reserved.`,
  );
}

const sides: Sides = openSides(partition, newClient, { draw, describe });
for (const side of [sides.left, sides.right]) {
  part(side.element, "fill").addEventListener("click", () => fill(side));
}

function fill(side: Sides["left"]): void {
  for (const [item, quantity] of Object.entries(assortment)) void side.submit("restock", { item, location, quantity });
}

// A new shop begins with something to buy. The client is not ready where the page has no token: the page says so.
const begin = (): void => {
  if (sides.left.client.eventId === 0) fill(sides.left);
};
sides.left.client.ready.then(begin, () => {});

/** What the example has made: by how much it has changed the stock, and a hold of each side. */
const made: { by: number; holds: [side: Customer, hold: string][] } = { by: 0, holds: [] };
const { left, right } = sides;
const ticket = "last ticket";

/** Changes the stock of the ticket, which may not be there yet. */
function changeStock(by: number): void {
  const known = left.client.state.items[ticket]?.stock[location];
  if (by > 0 && !known) void left.submit("restock", { item: ticket, location, quantity: by });
  else if (by !== 0) void left.submit("adjust", { item: ticket, location, by, reason: "an example" });
}

/** Says whether a reservation was accepted: other customers can be in the shop. */
async function outcomeOf({ person }: Customer, when: string, { verdict }: ReturnType<typeof reserve>): Promise<string> {
  if ((await verdict).status === "accepted") return `${person} is back ${when}, and has the ticket.`;
  return `${person} is back ${when}, and does not get the ticket: the reason is shown.`;
}

new Examples([left, right]).offer("race", {
  async play({ tell, conclude, reconnect, agree }) {
    made.holds = [];
    made.by = 1 - free(left.client.state as Inventory, ticket);
    changeStock(made.by);
    await agree();
    left.connect(false);
    right.connect(false);
    const wanted = new Map([left, right].map((side) => [side, reserve(side, ticket)]));
    made.holds = [...wanted].map(([side, { hold }]) => [side, hold]);
    await tell("There is one ticket. Both have lost the network, and both reserve it.");
    await reconnect(right);
    await tell(await outcomeOf(right, "first", wanted.get(right)!));
    await reconnect(left);
    await conclude(await outcomeOf(left, "second", wanted.get(left)!));
  },
  async clean({ agree }) {
    // Only its holder can end a hold.
    for (const [side, hold] of made.holds) {
      if (side.client.state.holds[hold]) void side.submit("release", { hold });
    }
    await agree();
    changeStock(-made.by);
    await agree();
    for (const side of [left, right]) side.dismissAll();
  },
});
