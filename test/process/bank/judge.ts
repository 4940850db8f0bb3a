// Judges the logs of banks by itself. It imports nothing, so that no fault of what it judges is a fault of the judge.

/** An event of a log, as the server exports it. */
export interface LoggedEvent {
  readonly type: string;
  readonly timestamp: number;
  // Payloads of every type
  readonly payload: any;
}

/** The verdict that a client got on a transfer. */
export interface Answer {
  readonly bank: string;
  readonly name: string;
  /** Its event; undefined: it was rejected. */
  readonly eventId: number | undefined;
}

/** What is judged. */
export interface Evidence {
  /** The log of each bank, from its first event. */
  readonly logs: ReadonlyMap<string, readonly LoggedEvent[]>;
  /** What the state of each bank says of its accounts. */
  readonly balances: ReadonlyMap<string, Readonly<Record<string, number>>>;
  readonly answers: readonly Answer[];
  /** When each process had been killed, in milliseconds since 1970. */
  readonly kills: readonly number[];
}

/** What the logs say. */
export interface Judgement {
  /** What is wrong; empty: nothing. */
  readonly faults: readonly string[];
  readonly events: number;
  /** Transfers in one bank, and between two. */
  readonly within: number;
  readonly across: number;
  /** Of those between two. */
  readonly completed: number;
  readonly compensated: number;
  /** How many transfers were in each state when a process was killed. */
  readonly interrupted: ReadonlyMap<string, number>;
}

/** The states of a transfer between two banks in which something is to be done still. */
export const openStates = [
  "do via",
  "do in",
  "pause before do in",
  "do to",
  "undo in",
  "pause before undo in",
  "undo via",
  "FAILED",
] as const;
const endStates: ReadonlySet<string> = new Set(["COMPLETED", "COMPENSATED"]);

/** The steps: whether they can be undone, and how often they are attempted again. */
const steps = [
  { name: "via", undone: true, retries: 0 },
  { name: "in", undone: true, retries: 1 },
  { name: "to", undone: false, retries: 0 },
];
const asksMax = 12;

/** Where a transfer between two banks is, by the events of the bank that pays. */
export class Progress {
  #step = 0;
  #undo = false;
  #turned = false;
  #pauses = false;
  #fence = 1;
  #attempt = 0;
  #asks = 1;
  #settled: string | undefined;
  /** When its last event was. */
  at: number;

  constructor({ timestamp }: LoggedEvent) {
    this.at = timestamp;
  }

  get state(): string {
    if (this.#settled !== undefined) return this.#settled;
    return `${this.#pauses ? "pause before " : ""}${this.#undo ? "undo" : "do"} ${steps[this.#step]!.name}`;
  }

  get ended(): boolean {
    return endStates.has(this.state);
  }

  /** Goes on after an event of it. */
  apply({ type, timestamp, payload }: LoggedEvent): void {
    this.at = timestamp;
    const given: number | undefined = payload.about?.fence ?? payload.fence;
    if (given === undefined) {
      this.#resume(type);
      return;
    }
    if (given !== this.#fence || this.#settled !== undefined) return;
    if (type === "pay.accepted") this.#accepted();
    else if (type === "pay.rejected") this.#rejected();
    else this.#overdue();
  }

  #resume(type: string): void {
    if (type === "pay.retry") this.#attempt++;
    this.#asks = 0;
    this.#settled = undefined;
    this.#send();
  }

  #accepted(): void {
    if (this.#undo) this.#undoFrom(this.#step - 1);
    else if (this.#turned && steps[this.#step]!.undone) this.#undoFrom(this.#step);
    else if (this.#step === steps.length - 1) this.#settle("COMPLETED");
    else {
      this.#turned = false;
      this.#begin(this.#step + 1);
    }
  }

  #rejected(): void {
    if (this.#turned && !this.#undo) this.#undoFrom(this.#step - 1);
    else if (this.#attempt < steps[this.#step]!.retries) {
      this.#attempt++;
      this.#pauses = true;
      this.#fence++;
    } else if (this.#undo) this.#settle("FAILED");
    else this.#undoFrom(this.#step - 1);
  }

  #overdue(): void {
    if (this.#pauses) {
      this.#pauses = false;
      this.#asks = 0;
    } else if (this.#asks === asksMax) {
      this.#settle("FAILED");
      return;
    } else if (this.#asks > steps[this.#step]!.retries) this.#turned = true;
    this.#send();
  }

  #undoFrom(step: number): void {
    this.#turned = true;
    if (step < 0) {
      this.#settle("COMPENSATED");
      return;
    }
    this.#undo = true;
    this.#begin(step);
  }

  #begin(step: number): void {
    this.#step = step;
    this.#attempt = 0;
    this.#asks = 0;
    this.#send();
  }

  #send(): void {
    this.#fence++;
    this.#asks++;
  }

  #settle(state: string): void {
    this.#settled = state;
    this.#fence++;
  }
}

/** The transfer that an event of a saga is about. */
export function sagaOf({ type, payload }: LoggedEvent): string | undefined {
  return type.startsWith("pay.") ? (payload.about?.saga ?? payload.saga) : undefined;
}

/** A transfer between two banks: what is asked for, how far it is, and what has happened to its money. */
interface Transfer {
  readonly payer: string;
  readonly input: { readonly from: string; via: string; bank: string; to: string; amount: number };
  readonly progress: Progress;
  /** What was posted and reversed, in the order of the logs of all banks. */
  readonly done: string[];
}

type Leg = { account: string; amount: number };

/** Folds the logs, one event after the other in the order of their times, and looks at all money after each. */
class Books {
  readonly faults: string[] = [];
  readonly #accounts = new Map<string, Map<string, number>>();
  readonly #posted = new Map<string, readonly Leg[]>();
  readonly transfers = new Map<string, Transfer>();
  /** What the customers have, what is in the accounts in transit, and what has come from outside. */
  #owned = 0;
  #transit = 0;
  #funds = 0;
  /** What transfers between two banks have taken, and neither delivered nor given back. */
  #underWay = 0;
  within = 0;

  apply(bank: string, event: LoggedEvent): void {
    const { type, payload } = event;
    if (type === "transfer" || type === "post") this.#post(bank, type, payload);
    else if (type === "reverse") this.#reverse(bank, payload.transfer);
    else if (type === "pay.start") this.#start(bank, event);
    else if (type.startsWith("pay.")) this.#goOn(bank, event);
    if (this.#owned + this.#underWay !== this.#funds || this.#transit !== this.#underWay) {
      const sums = `${this.#owned} owned, ${this.#underWay} under way, ${this.#transit} in transit, ${this.#funds} in all`;
      this.#fault(`${bank}: after ${type} of ${JSON.stringify(payload)}: ${sums}`);
    }
  }

  balanceOf(bank: string, account: string): number {
    return this.#accounts.get(bank)?.get(account) ?? 0;
  }

  accountsOf(bank: string): string[] {
    return [...(this.#accounts.get(bank)?.keys() ?? [])];
  }

  #fault(text: string): void {
    // One fault shows again after each later event.
    if (this.faults.length < 20) this.faults.push(text);
  }

  #post(bank: string, type: string, { transfer: name, legs }: { transfer: string; legs: readonly Leg[] }): void {
    const key = `${bank} ${name}`;
    if (this.#posted.has(key)) this.#fault(`${key} is posted twice`);
    this.#posted.set(key, legs);
    if (type === "transfer") this.within++;
    this.#move(bank, legs, 1);
    const found = this.#stepOf(bank, name);
    if (!found) return;
    const { transfer, step } = found;
    const { amount } = transfer.input;
    if (legs.length !== 2 || legs[0]!.amount !== -amount || legs[1]!.amount !== amount) {
      this.#fault(`${key} posts something else: ${JSON.stringify(legs)}`);
    }
    transfer.done.push(step);
    if (step === "to") this.#underWay -= amount;
  }

  #reverse(bank: string, name: string): void {
    const key = `${bank} ${name}`;
    const legs = this.#posted.get(key);
    if (legs) this.#move(bank, legs, -1);
    else this.#fault(`${key} is reversed, and was not posted`);
    const found = this.#stepOf(bank, name);
    if (!found) return;
    const undone = `un${found.step}`;
    if (found.transfer.done.includes(undone)) this.#fault(`${key} is reversed twice`);
    found.transfer.done.push(undone);
  }

  /** The step of a transfer between two banks that a posting is. */
  #stepOf(bank: string, name: string): { transfer: Transfer; step: string } | undefined {
    const [saga = "", step = ""] = name.split(".");
    if (step === "") return undefined;
    const transfer = this.transfers.get(saga);
    const wanted = transfer?.input[step === "via" ? "via" : "bank"];
    if (transfer && wanted === bank) return { transfer, step };
    this.#fault(`${bank}: ${name} belongs to no transfer`);
    return undefined;
  }

  #start(bank: string, event: LoggedEvent): void {
    const { saga, input } = event.payload;
    if (this.transfers.has(saga)) this.#fault(`${saga} starts twice`);
    this.transfers.set(saga, { payer: bank, input, progress: new Progress(event), done: [] });
    this.#move(bank, legsOf(input), 1);
    this.#underWay += input.amount;
  }

  #goOn(bank: string, event: LoggedEvent): void {
    const id = sagaOf(event)!;
    const transfer = this.transfers.get(id);
    if (transfer?.payer !== bank) {
      this.#fault(`${bank}: there is no ${id}`);
      return;
    }
    const { progress, input } = transfer;
    if (progress.ended) return;
    progress.apply(event);
    if (progress.state !== "COMPENSATED") return;
    this.#move(bank, legsOf(input), -1);
    this.#underWay -= input.amount;
  }

  #move(bank: string, legs: readonly Leg[], sign: number): void {
    const accounts = this.#accounts.get(bank) ?? new Map<string, number>();
    this.#accounts.set(bank, accounts);
    for (const { account, amount: unsigned } of legs) {
      const amount = sign * unsigned;
      const balance = (accounts.get(account) ?? 0) + amount;
      accounts.set(account, balance);
      if (account === "cash") this.#funds -= amount;
      else if (account === "transit" || account === "pending") this.#transit += amount;
      else if (account !== "in" && account !== "out") {
        this.#owned += amount;
        if (balance < 0) this.#fault(`${bank}: ${account} has ${balance}`);
      }
    }
  }
}

const legsOf = ({ from, amount }: Transfer["input"]): Leg[] => [
  { account: from, amount: -amount },
  { account: "transit", amount },
];

/** All events in the order of their times; those of one bank in the order of its log. */
function merged(logs: Evidence["logs"]): { bank: string; event: LoggedEvent }[] {
  const all = [...logs].flatMap(([bank, log], place) => {
    let at = 0;
    return log.map((event, index) => ({ bank, event, place, index, at: (at = Math.max(at, event.timestamp)) }));
  });
  return all.toSorted((one, other) => one.at - other.at || one.place - other.place || one.index - other.index);
}

/** The transfers in each state at the time of each kill. */
function interruptedIn(logs: Evidence["logs"], kills: readonly number[]): Map<string, number> {
  const counts = new Map<string, number>();
  const count = (state: string) => counts.set(state, (counts.get(state) ?? 0) + 1);
  for (const log of logs.values()) {
    const open = new Map<string, Progress>();
    for (const event of log) {
      const id = sagaOf(event);
      if (id === undefined) continue;
      const progress = open.get(id);
      if (!progress) {
        open.set(id, new Progress(event));
        continue;
      }
      for (const killedAt of kills) {
        if (!progress.ended && progress.at <= killedAt && killedAt < event.timestamp) count(progress.state);
      }
      progress.apply(event);
    }
  }
  return counts;
}

/** What must have been posted and reversed of a transfer that has ended so. */
const fitting: Readonly<Record<string, readonly string[]>> = {
  COMPLETED: ["via in to"],
  COMPENSATED: ["", "via unvia", "via in unin unvia"],
};

export function judge({ logs, balances, answers, kills }: Evidence): Judgement {
  const books = new Books();
  const events = merged(logs);
  for (const { bank, event } of events) books.apply(bank, event);
  const faults = [...books.faults];
  const ends = { COMPLETED: 0, COMPENSATED: 0 } as Record<string, number>;
  for (const [id, { progress, done }] of books.transfers) {
    const { state } = progress;
    ends[state] = (ends[state] ?? 0) + 1;
    if (!fitting[state]?.includes(done.join(" "))) faults.push(`${id} is ${state}, and done is: ${done.join(" ")}`);
  }
  for (const [bank, of] of balances) {
    for (const account of new Set([...Object.keys(of), ...books.accountsOf(bank)])) {
      const [counted, said = 0] = [books.balanceOf(bank, account), of[account]];
      if (counted !== said) faults.push(`${bank}: ${account} has ${counted}, and not ${said}`);
    }
  }
  faults.push(...faultsOfVerdicts(logs, answers));
  return {
    faults,
    events: events.length,
    within: books.within,
    across: books.transfers.size,
    completed: ends["COMPLETED"]!,
    compensated: ends["COMPENSATED"]!,
    interrupted: interruptedIn(logs, kills),
  };
}

/** What was accepted is in its log at its event, and nowhere else; what was rejected is in none. */
function faultsOfVerdicts(logs: Evidence["logs"], answers: readonly Answer[]): string[] {
  const found = new Map<string, string[]>();
  for (const [bank, log] of logs) {
    for (const [index, { type, payload }] of log.entries()) {
      const name: string | undefined =
        type === "transfer" ? payload.transfer : type === "pay.start" ? payload.saga : undefined;
      if (name !== undefined) found.set(name, [...(found.get(name) ?? []), `${bank} ${index + 1}`]);
    }
  }
  const faults: string[] = [];
  for (const { bank, name, eventId } of answers) {
    const places = (found.get(name) ?? []).join();
    const wanted = eventId === undefined ? "" : `${bank} ${eventId}`;
    if (places !== wanted) faults.push(`${name} is at "${places}", and the verdict of its client says "${wanted}"`);
    found.delete(name);
  }
  for (const [name, places] of found) faults.push(`${name} is at ${places.join()}, and no client got a verdict`);
  return faults;
}

/** What a run must have had, so that its judgement says something. */
export interface Wanted {
  readonly transfers: number;
  readonly kills: number;
  /** Whether transfers were killed in each state. */
  readonly eachState: boolean;
}

const acrossMin = 0.4;
const compensatedMin = 0.05;

/** What a run had too little of; empty: nothing. */
export function shortcomings(judgement: Judgement, kills: number, wanted: Wanted): string[] {
  const { within, across, compensated, interrupted } = judgement;
  const all = within + across;
  const short: string[] = [];
  if (all < wanted.transfers) short.push(`${all} transfers`);
  if (across < acrossMin * all) short.push(`${across} of ${all} transfers between two banks`);
  if (compensated < compensatedMin * all) short.push(`${compensated} of ${all} transfers compensated`);
  if (kills < wanted.kills) short.push(`${kills} kills`);
  if (interrupted.size === 0) short.push("no transfer was killed before its end");
  if (wanted.eachState) {
    for (const state of openStates) if (!interrupted.has(state)) short.push(`no transfer was killed in: ${state}`);
  }
  return short;
}

/** What happened, as a line. */
export function summary(judgement: Judgement, kills: number): string {
  const { events, within, across, completed, compensated, interrupted } = judgement;
  const all = within + across;
  const percent = (count: number) => `${count} (${((100 * count) / all).toFixed(1)} %)`;
  const states = [...interrupted].map(([state, count]) => `${state} ${count}`).join(", ");
  return `${all} transfers in ${events} events: ${percent(across)} between two banks, ${completed} completed, ${percent(compensated)} compensated; ${kills} kills, which found transfers in: ${states}`;
}
