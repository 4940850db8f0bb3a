import { memoryStore, type OpenStore } from "../client/index.ts";
import { auditLedger, formatAmount, type Ledger, ledger, parseAmount } from "../models/ledger/index.ts";
import type { JsonObject } from "../protocol/index.ts";
import { clientIds, personOf } from "./names.ts";
import { part, say } from "./page.ts";
import { Examples } from "./play.ts";
import { paneClient, type Row, showRows, timeLeft } from "./side.ts";
import { openSides, type SideOf } from "./two-sides.ts";

/** The currency of this demo. */
const currency = "EUR";
/** The account that stands for the outside: what comes from there is what it owes. */
const cash = "cash";
/** What each account gets at first, in cents. */
const welcome = 10_000;

/** A ledger for each visit: so it has the accounts of these two people, and they add up. */
const [leftId] = clientIds();
const partition = `ledger:demo-${leftId.slice(leftId.indexOf("-") + 1)}`;
const newClient = (clientId: string, options?: { store: OpenStore }) =>
  paneClient(ledger, partition, clientId, options);
type Person = SideOf<ReturnType<typeof newClient>>;
interface Sides {
  left: Person;
  right: Person;
}

const shown = (amount: number): string => `${formatAmount(amount, currency)} ${currency}`.replace("-", "−");
const newName = (kind: string): string => `${kind}-${crypto.randomUUID().slice(0, 8)}`;
/** The account of a person has the name of the client. */
const nameOf = (account: string): string => (account === cash ? "Cash" : personOf(account));

interface Leg {
  account: string;
  amount: number;
}

/** What the author of an event did. */
function describe({ type, payload }: { type: string; payload: JsonObject }): string {
  const { legs, account, from, to, amount } = payload;
  switch (type) {
    case "open":
      return `opened the account of ${nameOf(String(account))}`;
    case "transfer":
    case "post": {
      // Of this page each has two legs.
      const [first, second] = legs as unknown as [Leg, Leg];
      const [payer, payee] = first.amount < 0 ? [first, second] : [second, first];
      return `moved ${shown(payee.amount)} from ${nameOf(payer.account)} to ${nameOf(payee.account)}`;
    }
    case "hold":
      return `holds ${shown(Number(amount))} of ${nameOf(String(from))} for ${nameOf(String(to))}`;
    case "capture":
      return amount === undefined ? "took what was held" : `took ${shown(Number(amount))} of what was held`;
    case "release":
      return "gave back what was held";
    case "expire":
      return "gave back what was held too long";
    case "reverse":
      return "took a booking back";
    default:
      return account === undefined ? type : `${type}: ${nameOf(String(account))}`;
  }
}

/** Opens the account of a person, and pays in. Done by the left client, which is the bookkeeper of this demo. */
function begin({ left, right }: Sides): void {
  const { client } = left;
  if (client.status.status !== "online" || client.pending.length > 0) return;
  const { accounts } = client.state as Ledger;
  const missing = [left, right].map((side) => side.client.clientId).filter((name) => !accounts[name]);
  if (missing.length === 0) return;
  void client.submitBatch("atomic", [
    ...(accounts[cash] ? [] : [{ type: "open" as const, payload: { account: cash, currency, overdraft: null } }]),
    ...missing.flatMap((name) => [
      { type: "open" as const, payload: { account: name, currency, owner: `dev:${name}` } },
      {
        type: "post" as const,
        payload: {
          transfer: newName("welcome"),
          memo: "welcome",
          legs: [
            { account: cash, amount: -welcome },
            { account: name, amount: welcome },
          ],
        },
      },
    ]),
  ]);
}

function draw(sides: Sides): void {
  begin(sides);
  for (const side of [sides.left, sides.right]) drawPerson(side);
  drawTrial(sides.left);
}

function drawPerson(side: Person): void {
  const { element, client } = side;
  const own = client.clientId;
  const { accounts, holds } = client.state as Ledger;
  const account = accounts[own];
  part(element, "balance").textContent = account ? shown(account.balance) : "–";
  part(element, "held").textContent = account && account.held > 0 ? `${shown(account.held)} of it held` : "";
  drawPayees(part(element, "payee", HTMLSelectElement), Object.keys(accounts), own);
  const rows = Object.entries(holds).filter(([, { from, to }]) => from === own || to === own);
  showRows(
    part(element, "holds"),
    rows.map(([hold, { from, to, amount, expiresAt }]): Row => {
      const ours = to === own;
      return {
        key: hold,
        text: `${shown(amount)} ${ours ? `from ${nameOf(from)}` : `for ${nameOf(to)}`}`,
        hint: `ends in ${timeLeft(expiresAt)}`,
        actions: ours
          ? [
              { label: "Take", main: true, run: () => void side.submit("capture", { hold }) },
              {
                label: "Take half",
                disabled: amount < 2,
                run: () => void side.submit("capture", { hold, amount: Math.floor(amount / 2) }),
              },
              { label: "Give back", run: () => void side.submit("release", { hold }) },
            ]
          : [],
      };
    }),
  );
  part(element, "no-holds").hidden = rows.length > 0;
}

/** Keeps the choice of the user. */
function drawPayees(select: HTMLSelectElement, accounts: readonly string[], own: string): void {
  const payees = accounts.filter((name) => name !== own && name !== cash).toSorted();
  if (payees.join() === [...select.options].map(({ value }) => value).join()) return;
  const { value } = select;
  select.replaceChildren(...payees.map((name) => new Option(nameOf(name), name)));
  const other = [sides.left, sides.right].map((side) => side.client.clientId).find((name) => name !== own);
  select.value = payees.includes(value) ? value : (other ?? "");
}

function drawTrial({ client }: Person): void {
  const state = client.state as Ledger;
  const names = Object.keys(state.accounts).toSorted();
  showRows(
    part(document, "accounts"),
    names.map((name) => {
      const { balance, held } = state.accounts[name]!;
      return { key: name, text: nameOf(name), hint: `${shown(balance)}${held > 0 ? `, ${shown(held)} held` : ""}` };
    }),
  );
  const { faults } = auditLedger(state);
  say(part(document, "sums"), faults[0] ?? (names.length === 0 ? "" : "sums to 0.00"));
}

function pay(side: Person, act: string): void {
  const field = part(side.element, "amount", HTMLInputElement);
  const to = part(side.element, "payee", HTMLSelectElement).value;
  const amount = parseAmount(field.value, currency);
  const valid = amount !== undefined && amount > 0;
  field.setCustomValidity(valid ? "" : "An amount such as 12.50");
  if (!field.reportValidity() || !valid || to === "") return;
  const from = side.client.clientId;
  if (act === "hold") void side.submit("hold", { hold: newName("hold"), from, to, amount });
  else {
    const legs = [
      { account: from, amount: -amount },
      { account: to, amount },
    ];
    void side.submit("transfer", { transfer: newName("transfer"), legs });
  }
}

const sides: Sides = openSides(partition, newClient, { draw, describe });
for (const side of [sides.left, sides.right]) {
  const form = part(side.element, "pay", HTMLFormElement);
  const field = part(side.element, "amount", HTMLInputElement);
  field.addEventListener("input", () => field.setCustomValidity(""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    pay(side, event.submitter?.dataset["act"] ?? "transfer");
  });
}

/** The transfer from the second device, which is taken back at the end. */
let spent: string | undefined;
const { left, right } = sides;
new Examples([left, right]).offer("overspend", {
  /** The owner of an account spends all its money on two devices, one of which is offline. */
  async play({ tell, conclude, reconnect }) {
    spent = undefined;
    const account = left.client.clientId;
    const { balance = 0, held = 0 } = (left.client.state as Ledger).accounts[account] ?? {};
    const amount = balance - held;
    if (amount <= 0) {
      await conclude(`${left.person} has no money to spend: send some first.`);
      return;
    }
    const legs = (to: string) => [
      { account, amount: -amount },
      { account: to, amount },
    ];
    left.connect(false);
    const late = left.submit("transfer", { transfer: newName("transfer"), legs: legs(right.client.clientId) });
    await tell(`${left.person}’s phone has no network, and sends all the money to ${right.person}: ${shown(amount)}.`);
    // The same owner, so it may spend from the same account.
    const laptop = newClient(account, { store: memoryStore() });
    const early = await laptop.submit("transfer", { transfer: newName("spent"), legs: legs(cash) });
    await laptop.close();
    if (early.status !== "accepted") {
      await conclude(`${left.person}’s laptop could not spend the money.`);
      return;
    }
    spent = String(early.event.payload["transfer"]);
    await tell(`Meanwhile ${left.person} spends the same money on a laptop, as cash.`);
    await reconnect(left);
    const twice = (await late).status === "accepted";
    await conclude(
      twice
        ? `The phone is back, and ${left.person} had money for both.`
        : `The phone is back: the money is gone, so it is not sent again, and the reason is shown.`,
    );
  },
  async clean({ agree }) {
    if (spent !== undefined) void right.submit("reverse", { transfer: spent, reason: "the example has ended" });
    await agree();
    for (const side of [left, right]) side.dismissAll();
  },
});
