import type * as z from "zod/mini";
import { type Client, createClient, indexedDbStore, type OpenStore, type Verdict } from "../client/index.ts";
import type { Model } from "../model/index.ts";
import type { Violation } from "../protocol/index.ts";
import { namedIn, personOf } from "./names.ts";
import { create, oncePerFrame, part } from "./page.ts";
import { StatusBar } from "./status-bar.ts";
import { endWithoutToken } from "./tokens.ts";

/** The most explanations of a pane; the oldest one goes. */
const noticesMax = 4;
/** How often times that are left are shown again. */
const tickMs = 1_000;

/** Why a draft is not in the log. */
interface Reason {
  code: string;
  detail: string;
  errors?: readonly Violation[] | undefined;
}

/** The options of a side. */
interface SideOptions<S extends object, P extends Record<string, z.core.$ZodType>> {
  client: Client<S, P>;
  title: string;
  /** Shows the state. Called once for each frame in which something has changed, and each second. */
  draw(): void;
  /** The client has received events, or has another log. */
  moved(): void;
}

/** A client of a pane. */
export function paneClient<S extends object, P extends Record<string, z.core.$ZodType>, I extends string>(
  model: Model<S, P, I>,
  partition: string,
  clientId: string,
  { presence = false, store = indexedDbStore() }: { presence?: boolean; store?: OpenStore } = {},
): Client<S, Omit<P, I>> {
  return createClient({
    url: location.origin,
    partition,
    model,
    clientId,
    // The principal in open development mode. It also separates the queues of the panes.
    principal: `dev:${clientId}`,
    store,
    tabs: false,
    presence,
  });
}

/** One pane of a demo: a client of its own, its status, and explanations of what was rejected. */
export class Side<S extends object, P extends Record<string, z.core.$ZodType>> {
  readonly client: Client<S, P>;
  readonly element: HTMLElement;
  /** The name of its user. */
  readonly person: string;
  readonly #statusBar: StatusBar;
  readonly #notices: HTMLElement;
  readonly #schedule: () => void;
  #head = 0;

  /** `element` is the section, from the template "pane". */
  constructor(element: HTMLElement, { client, title, draw, moved }: SideOptions<S, P>) {
    this.client = client;
    this.element = element;
    this.person = personOf(client.clientId);
    element.dataset["pane"] = title;
    element.ariaLabel = `${title} pane: ${this.person}`;
    part(element, "title").textContent = this.person;
    this.#notices = part(element, "notices");
    this.#schedule = oncePerFrame(() => {
      this.#drawStatus();
      draw();
    });
    this.#statusBar = new StatusBar(element, {
      switched: (on) => this.connect(on),
      changed: () => this.#schedule(),
    });
    client.subscribe(() => {
      moved();
      this.#schedule();
    });
    client.on("status", (report) => this.#statusBar.follow(report, client.eventId));
    endWithoutToken(client, (text) => this.#statusBar.refuse(text));
    client.on("rejected", ({ verdict }) => {
      if ("problem" in verdict) this.#explain(verdict.problem);
    });
    setInterval(this.#schedule, tickMs);
  }

  /** Switches the pane's network on or off. */
  connect(on: boolean): void {
    if (on) this.client.resume();
    else this.client.pause();
  }

  /** Sets the head of the log, as other panes know it. */
  headIs(head: number): void {
    this.#head = head;
    this.#schedule();
  }

  /** Submits a draft. What is rejected here, before it is sent, is explained; what the server rejects comes by an event. */
  async submit<Type extends keyof P & string>(type: Type, payload: z.core.input<P[Type]>): Promise<Verdict<unknown>> {
    const verdict = await this.client.submit(type, payload);
    if (verdict.status === "rejected" && verdict.local) this.#explain(verdict.problem);
    return verdict;
  }

  /** Closes all explanations. */
  dismissAll(): void {
    this.#notices.replaceChildren();
  }

  #explain({ code, detail, errors }: Reason): void {
    const row = create("div", "notice");
    row.role = "alert";
    const said = create("p", "said");
    said.append(create("strong", "", "Rejected."), ` ${namedIn(errors?.[0]?.message ?? detail)} `);
    said.append(create("code", "", errors?.[0]?.code ?? code));
    const close = create("button", "", "Dismiss");
    close.type = "button";
    close.addEventListener("click", () => row.remove());
    row.append(said, close);
    this.#notices.prepend(row);
    while (this.#notices.childElementCount > noticesMax) this.#notices.lastElementChild?.remove();
  }

  #drawStatus(): void {
    const { pending, status: report, eventId } = this.client;
    this.#statusBar.draw({
      report,
      eventId,
      head: this.#head,
      unconfirmed: pending.reduce((count, { drafts }) => count + drafts.length, 0),
      // The names of event types say nothing to a reader.
      labels: [],
      company: [],
    });
  }
}

/** A button of a row. */
interface RowAction {
  label: string;
  main?: boolean;
  disabled?: boolean;
  run(): void;
}

/** One row of a list. */
export interface Row {
  /** Unique in its list. */
  key: string;
  text: string;
  /** Beside the text, smaller. */
  hint?: string;
  actions?: readonly RowAction[];
}

/** What the buttons of the rows do now. */
const clicked = new WeakMap<HTMLButtonElement, () => void>();

function addButton(within: HTMLElement): HTMLButtonElement {
  const button = create("button", "");
  button.type = "button";
  button.addEventListener("click", () => clicked.get(button)?.());
  within.append(button);
  return button;
}

/** Shows rows, and keeps the elements of those that stay: so the focus stays where it is. */
export function showRows(list: HTMLElement, rows: readonly Row[]): void {
  const known = new Map([...list.children].map((each) => [(each as HTMLElement).dataset["key"], each as HTMLElement]));
  const shown = rows.map(({ key, text, hint = "", actions = [] }) => {
    const row = known.get(key) ?? create("li", "line");
    row.dataset["key"] = key;
    if (!row.firstElementChild) {
      row.append(create("span", "name"), create("span", "hint"), create("span", "actions"));
    }
    const [name, small, buttons] = row.children as unknown as HTMLElement[];
    if (name!.textContent !== text) name!.textContent = text;
    if (small!.textContent !== hint) small!.textContent = hint;
    while (buttons!.childElementCount > actions.length) buttons!.lastElementChild!.remove();
    for (const [at, { label, main = false, disabled = false, run }] of actions.entries()) {
      const button = (buttons!.children[at] as HTMLButtonElement | undefined) ?? addButton(buttons!);
      button.className = main ? "main" : "";
      button.disabled = disabled;
      if (button.textContent !== label) button.textContent = label;
      button.ariaLabel = `${label}: ${text}`;
      clicked.set(button, run);
    }
    return row;
  });
  for (const each of known.values()) if (!shown.includes(each)) each.remove();
  for (const [at, row] of shown.entries())
    if (list.children[at] !== row) list.insertBefore(row, list.children[at] ?? null);
}

/** How long until a time, as `9:05`; `now` when it has come. */
export function timeLeft(until: number): string {
  const seconds = Math.ceil((until - Date.now()) / 1_000);
  if (seconds <= 0) return "now";
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600), Math.floor(seconds / 60)];
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
}
