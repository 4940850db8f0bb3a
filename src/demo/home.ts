// The landing page: two people choose seats in one hall, by themselves, against the server of the page.
import { createClient, memoryStore, type StatusReport } from "../client/index.ts";
import { hall } from "../models/hall/index.ts";
import { authorName, HallView, seatSentence } from "./hall.ts";
import { clientIds, personOf } from "./names.ts";
import { create, oncePerFrame, part, say } from "./page.ts";
import { Show } from "./show.ts";
import { endWithoutToken } from "./tokens.ts";

/** How long each step of the story can be read. */
const stepMs = 2_400;
/** The most lines of the order. */
const linesMax = 7;
/** When it is said that the server does not answer. */
const absentMs = 4_000;

const oldAddress = new URLSearchParams(location.search).get("partition");
// An address of the demo of files, from before there was a landing page.
if (oldAddress === null) start();
else location.replace(`files${location.search}`);

type Phone = ReturnType<typeof openPhone>;

function openPhone(element: HTMLElement, clientId: string, sides: ReadonlyMap<string, string>, touched: () => void) {
  const person = personOf(clientId);
  const network = create("span", "network");
  const header = create("header", "");
  header.append(create("h3", "", person), network);
  const grid = create("div", "");
  const message = create("p", "refused");
  message.hidden = true;
  message.role = "alert";
  element.ariaLabel = `${person}’s phone`;
  element.append(header, create("p", "screen", "Stage"), grid, message);
  const client = createClient({
    url: location.origin,
    partition: `hall:welcome-${clientId.slice(clientId.indexOf("-") + 1)}`,
    model: hall,
    clientId,
    // The principal in open development mode.
    principal: `dev:${clientId}`,
    // What is tapped here need not survive a reload.
    store: memoryStore(),
    tabs: false,
  });
  const tap = async (seat: string) => {
    const own = client.state.seats[seat] === client.author;
    say(message, "");
    const verdict = await client.submit(own ? "leave" : "take", { seat });
    if (verdict.status !== "rejected") return;
    const holder = client.state.seats[seat];
    say(message, holder === undefined ? verdict.problem.detail : `${seat} is ${authorName(holder)}’s already.`);
  };
  const view = new HallView(grid, sides, (seat) => {
    touched();
    void tap(seat);
  });
  client.subscribe(
    oncePerFrame(() => {
      view.draw(client);
      const { status } = client.status;
      element.dataset["status"] = status;
      say(network, status === "online" ? "online" : status === "offline" ? "no network" : "connecting");
    }),
  );
  return { client, person, tap, message };
}

function tell(text: string): void {
  say(part(document, "told"), text);
}

function start(): void {
  const [leftId, rightId] = clientIds();
  const sides = new Map([
    [leftId, "Left"],
    [rightId, "Right"],
  ]);
  const show = new Show(part(document, "play", HTMLButtonElement), () => {
    for (const { client } of [left, right]) client.resume();
    tell("Now you: tap seats on both phones.");
  });
  const left = openPhone(part(document, "left"), leftId, sides, () => show.pause());
  const right = openPhone(part(document, "right"), rightId, sides, () => show.pause());
  listOrder(left, sides);
  const absent = setTimeout(() => tell(absence(left.client.status)), absentMs);
  for (const { client } of [left, right]) {
    endWithoutToken(client, (text) => {
      clearTimeout(absent);
      tell(text);
    });
  }
  void Promise.all([left.client.ready, right.client.ready]).then(() => {
    clearTimeout(absent);
    return show.run(() => round(left, right, show));
  });
}

/** Shows the newest events of the log. */
function listOrder({ client }: Phone, sides: ReadonlyMap<string, string>): void {
  const list = part(document, "order");
  client.on("reset", () => list.replaceChildren());
  client.on("confirmed", ({ events }) => {
    for (const { eventId, event } of events) {
      const line = create("li", "");
      const who = create("b", "", authorName(event.author ?? event.clientId));
      who.dataset["pane"] = sides.get(event.clientId) ?? "Other";
      line.append(create("span", "number", String(eventId)), who, ` ${seatSentence(event)}`);
      list.prepend(line);
    }
    while (list.childElementCount > linesMax) list.lastElementChild!.remove();
  });
}

function absence({ problem }: StatusReport): string {
  if (problem) return `The live demo does not run on this server: ${problem.detail}`;
  return "The server does not answer yet. The live demo starts when it does.";
}

/** The seats that each one has before and after a round. */
const usual = { left: ["A2", "A3", "D1"], right: ["B4", "B5"] };

/** One round of the story. */
async function round(left: Phone, right: Phone, show: Show): Promise<void> {
  const step = async (text: string) => {
    tell(text);
    await show.wait(stepMs);
  };
  left.client.resume();
  right.client.resume();
  for (const phone of [left, right]) say(phone.message, "");
  await tidy(left, usual.left, right);
  await tidy(right, usual.right, left);
  await step(`${left.person} and ${right.person} choose seats in one hall.`);
  void left.tap("C3");
  await step(`${left.person} takes C3, and ${right.person} sees it at once.`);
  right.client.pause();
  await step(`${right.person}’s train is in a tunnel: no network.`);
  const late = right.tap("B2");
  await step(`${right.person} can still choose: B2 waits on the phone.`);
  await left.tap("B2");
  await step(`Meanwhile ${left.person} takes B2, too.`);
  right.client.resume();
  await late;
  await step(`${right.person} is back. ${left.person} was first: ${right.person} has lost B2, and sees why.`);
  void right.tap("C4");
  await step(`${right.person} takes C4. Both screens are the same.`);
}

/** Gives a person the usual seats back, and frees the others. */
async function tidy({ client }: Phone, seats: readonly string[], other: Phone): Promise<void> {
  const own = Object.entries(client.state.seats).filter(([, author]) => author === client.author);
  const drafts = [
    ...own.filter(([seat]) => !seats.includes(seat)).map(([seat]) => ({ type: "leave" as const, payload: { seat } })),
    ...seats
      .filter((seat) => client.state.seats[seat] === undefined)
      .map((seat) => ({ type: "take" as const, payload: { seat } })),
  ];
  // A seat of the other one that is usual here becomes free first.
  const taken = Object.entries(other.client.state.seats).filter(
    ([seat, author]) => seats.includes(seat) && author === other.client.author,
  );
  for (const [seat] of taken) await other.client.submit("leave", { seat });
  if (drafts.length > 0) await client.submitBatch("sequential", drafts);
}
