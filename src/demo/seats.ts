import { hall } from "../models/hall/index.ts";
import { HallView, seatSentence } from "./hall.ts";
import { part } from "./page.ts";
import { Examples } from "./play.ts";
import { paneClient } from "./side.ts";
import { openSides, type SideOf } from "./two-sides.ts";

const newClient = (clientId: string) => paneClient(hall, "hall:demo", clientId);
type Guest = SideOf<ReturnType<typeof newClient>>;

const views = new Map<Guest, HallView>();

function draw(side: Guest): void {
  views.get(side)?.draw(side.client);
}

const sides = openSides("hall:demo", newClient, {
  draw: ({ left, right }) => [left, right].forEach(draw),
  describe: seatSentence,
});
const { left, right, titles } = sides;
for (const side of [left, right]) {
  const choose = (seat: string) => {
    const own = side.client.state.seats[seat] === side.client.author;
    void side.submit(own ? "leave" : "take", { seat });
  };
  views.set(side, new HallView(part(side.element, "hall"), titles, choose));
  draw(side);
}

/** The seats that they have at first: a new hall does not begin empty. */
const firstSeats = new Map<Guest, readonly string[]>([
  [left, ["B2", "B3"]],
  [right, ["C4"]],
]);
const begin = (): void => {
  if (left.client.eventId > 0) return;
  for (const [side, seats] of firstSeats) for (const seat of seats) void side.submit("take", { seat });
};
// It is not ready where the page has no token: the page says so.
left.client.ready.then(begin, () => {});

/** The last seat that is free, for the example; taken by the example only if there is none. */
const freeSeat = () =>
  [...document.querySelectorAll<HTMLElement>('[data-pane="Left"] .seat:not([data-pane])')].at(-1)?.dataset["seat"];

let contested: string | undefined;
new Examples([left, right]).offer("same-seat", {
  async play({ tell, conclude, reconnect }) {
    contested = freeSeat();
    if (contested === undefined) {
      await conclude("All seats are taken: leave one first.");
      return;
    }
    for (const side of [left, right]) {
      side.connect(false);
      void side.submit("take", { seat: contested });
    }
    await tell(`Both have lost the network, and both take ${contested}.`);
    await reconnect(left);
    await tell(`${left.person} is back first, and has ${contested}.`);
    await reconnect(right);
    await conclude(`${right.person} is back second: the seat is taken back, and the reason is shown.`);
  },
  clean() {
    if (contested !== undefined) void left.submit("leave", { seat: contested });
    for (const side of [left, right]) side.dismissAll();
  },
});
