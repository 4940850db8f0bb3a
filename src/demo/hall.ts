import { columns, type Hall, rows } from "../models/hall/index.ts";
import { clientOf, personOf } from "./names.ts";
import { create } from "./page.ts";

/** What a view of a hall shows. */
interface HallReading {
  state: Pick<Hall, "seats">;
  /** The author of the person whose view it is. */
  author: string | undefined;
  pending: readonly { drafts: readonly { payload: { seat: string } }[] }[];
}

/** The panes of this page, by client id. */
type Sides = ReadonlyMap<string, string>;

/** The name of an author of this page's demos. */
export const authorName = (author: string): string => personOf(clientOf({ author, clientId: author }));

/** The seats of a hall as buttons: whose each one is, and what is not confirmed yet. */
export class HallView {
  readonly #seats = new Map<string, HTMLButtonElement>();
  readonly #sides: Sides;

  /** `chosen` is called with the seat that the person taps. */
  constructor(element: HTMLElement, sides: Sides, chosen: (seat: string) => void) {
    this.#sides = sides;
    element.classList.add("hall");
    for (const row of rows) {
      for (const column of columns) {
        const seat = `${row}${column}`;
        const button = create("button", "seat", seat);
        button.type = "button";
        button.dataset["seat"] = seat;
        button.addEventListener("click", () => chosen(seat));
        this.#seats.set(seat, button);
        element.append(button);
      }
    }
  }

  draw({ state: { seats }, author: own, pending }: HallReading): void {
    const waiting = new Set(pending.flatMap(({ drafts }) => drafts.map(({ payload }) => payload.seat)));
    for (const [seat, button] of this.#seats) {
      const author = seats[seat];
      const label = [seat, author === undefined ? "free" : author === own ? "yours" : `taken by ${authorName(author)}`];
      if (waiting.has(seat)) label.push("not confirmed yet");
      button.ariaLabel = label.join(", ");
      const side =
        author === undefined ? undefined : (this.#sides.get(clientOf({ author, clientId: author })) ?? "Other");
      if (side === undefined) delete button.dataset["pane"];
      else button.dataset["pane"] = side;
      button.classList.toggle("waits", waiting.has(seat));
    }
  }
}

/** What an event of the hall says. */
export function seatSentence({ type, payload }: { type: string; payload: Readonly<Record<string, unknown>> }): string {
  return `${type === "take" ? "took" : "left"} seat ${String(payload["seat"])}`;
}
