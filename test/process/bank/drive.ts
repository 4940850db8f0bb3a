import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createClient, memoryStore } from "../../../src/client/index.ts";
import { platformPorts } from "../../../src/client/transport/platform.ts";
import { Random } from "../../simulation/random.ts";
import { bank as model, pending, transit } from "../../support/bank.ts";
import { hastyTiming } from "../../support/client-load.ts";
import { readLog, readState } from "../../support/log.ts";
import { TestServer } from "../../support/server.ts";
import { Branch } from "./branch.ts";
import { type Evidence, openStates, type Answer } from "./judge.ts";

export interface BankOptions {
  readonly banks: number;
  readonly accountsEach: number;
  readonly clients: number;
  /** Transfers that are accepted, at least. */
  readonly transfers: number;
  /** Kills of the server, at least. */
  readonly kills: number;
  /** Whether it goes on until transfers were killed in each state, in at most `killsMax` kills. */
  readonly eachState: boolean;
  readonly seed: number;
}

const killsMax = 120;
/** How likely a transfer is one to another bank. */
const acrossChance = 0.6;
/** Of the transfers to another bank, each one of this many is to a closed account: so it is undone. */
const closedEvery = 6;
const closedAccount = "closed";
const amountMax = 500;
const fundsEach = 50_000;
/** Transfers of one client that have not ended. */
const openMax = 12;
/** Events after which a state that no transfer has got into is not waited for any more. */
const patienceEvents = 300;
/** How long a bank is open, and how long it is on holiday, in milliseconds. */
const openMs = [1_000, 8_000] as const;
const holidayMs = [200, 1_600] as const;
const downMsMax = 100;
/** Of a client whose transfer was rejected, in milliseconds. */
const rejectedPauseMs = 20;
/** Between two attempts of an operator at a compensation that was rejected. */
const operatorPauseMs = 100;

const bankName = (at: number): string => `bank-${at}`;
const accountName = (at: number): string => `account-${at}`;

type BankClient = ReturnType<typeof clientOf>;

function clientOf(server: URL, bank: string, clientId: string, random: Random) {
  return createClient({
    url: server.href,
    partition: bank,
    clientId,
    model,
    tabs: false,
    store: memoryStore(),
    timing: hastyTiming,
    // The server is back at once.
    ports: { ...platformPorts, random: () => random.next() * 0.02 },
  });
}

/** A client, and the accounts that it pays from. */
interface Owner {
  readonly branch: Branch;
  readonly client: BankClient;
  readonly principal: string;
  readonly accounts: string[];
}

/** What is shared by all who work in a run. */
class Run {
  readonly options: BankOptions;
  readonly branches: readonly Branch[];
  readonly kills: number[];
  readonly random: Random;
  readonly answers: Answer[] = [];
  accepted = 0;
  names = 0;
  across = 0;
  /** Aborted when there are kills enough: no more transfers are submitted than are missing. */
  readonly #end = new AbortController();

  constructor(options: BankOptions, branches: readonly Branch[], kills: number[]) {
    this.options = options;
    this.branches = branches;
    this.kills = kills;
    this.random = new Random(options.seed);
  }

  get over(): boolean {
    return this.#end.signal.aborted;
  }

  end(): void {
    this.#end.abort();
  }

  /** Waits, but not when it is over. */
  async wait([from, to]: readonly [number, number]): Promise<void> {
    await sleep(this.random.between(from, to), undefined, { signal: this.#end.signal }).catch(() => {});
  }
}

/** Runs banks whose clients pay to each other while their server is killed, and returns what is to be judged. */
export async function runBank(options: BankOptions): Promise<Evidence> {
  const server = new TestServer({ main: fileURLToPath(new URL("worker.ts", import.meta.url)) });
  await server.start();
  try {
    return await runOn(server, options);
  } finally {
    await server.stop();
  }
}

async function runOn(server: TestServer, options: BankOptions): Promise<Evidence> {
  const names = Array.from({ length: options.banks }, (_, at) => bankName(at));
  const kills: number[] = [];
  const branches = names.map((name) => new Branch(name, server.url, kills));
  const run = new Run(options, branches, kills);
  const owners = Array.from({ length: options.clients }, (_, at): Owner => {
    const branch = branches[at % branches.length]!;
    const name = `client-${at}`;
    const client = clientOf(server.url, branch.name, name, new Random(options.seed + at));
    branch.follow(client);
    return { branch, client, principal: `dev:${name}`, accounts: [] };
  });
  await Promise.all(
    branches.map((branch) =>
      openBank(
        owners.filter((owner) => owner.branch === branch),
        options,
      ),
    ),
  );
  const bankers = owners.slice(0, branches.length);
  for (const banker of bankers) operate(banker);
  const holidays = bankers.map((banker) => keepHolidays(run, banker));
  const working = owners.map((owner) => work(run, owner));
  // Clients end after it, or they fail.
  await Promise.race([keepKilling(run, server), Promise.all(working)]);
  run.end();
  await Promise.all([...working, ...holidays]);
  await Promise.all(owners.map(({ client }) => client.close()));

  const logs: Evidence["logs"] = new Map(
    await Promise.all(
      names.map(async (name) => [name, (await readLog(server.url, name)).map(({ event }) => event)] as const),
    ),
  );
  const balances = new Map<string, Record<string, number>>();
  for (const name of names) {
    const { accounts } = (await readState(server.url, name)).state as unknown as ReturnType<typeof model.initialState>;
    balances.set(name, Object.fromEntries(Object.entries(accounts).map(([id, { balance }]) => [id, balance])));
  }
  return { logs, balances, answers: run.answers, kills: run.kills };
}

/** Opens the accounts of a bank, shared out to its clients, and gives each its money. */
async function openBank(owners: readonly Owner[], { accountsEach }: BankOptions): Promise<void> {
  const accounts = Array.from({ length: accountsEach }, (_, at) => accountName(at));
  const ownerOf = (at: number) => owners[at % owners.length]!;
  for (const [at, account] of accounts.entries()) ownerOf(at).accounts.push(account);
  const open = (account: string, more: object = {}) =>
    ({ type: "open", payload: { account, currency: "EUR", ...more } }) as const;
  const fund = (account: string) =>
    ({
      type: "post",
      payload: { transfer: `funds-${account}`, legs: legsOf("cash", account, fundsEach), memo: "funds" },
    }) as const;
  const verdict = await owners[0]!.client.submitBatch("sequential", [
    ...[transit, pending, "in", "out", "cash"].map((account) => open(account, { overdraft: null })),
    open(closedAccount),
    ...accounts.map((account, at) => open(account, { owner: ownerOf(at).principal })),
    { type: "close", payload: { account: closedAccount } },
    ...accounts.map(fund),
  ]);
  if (verdict.status !== "accepted") throw new Error(`no bank: ${JSON.stringify(verdict).slice(0, 1_000)}`);
}

const legsOf = (from: string, to: string, amount: number) => [
  { account: from, amount: -amount },
  { account: to, amount },
];

/** Submits transfers from the accounts of a client, a few at a time, until there are enough. */
async function work(run: Run, owner: Owner): Promise<void> {
  const open = new Set<Promise<void>>();
  while (!run.over || run.accepted < run.options.transfers) {
    const transfer = submit(run, owner).finally(() => open.delete(transfer));
    open.add(transfer);
    if (open.size >= openMax) await Promise.race(open);
  }
  await Promise.all(open);
}

/** Submits a transfer, and waits until it has ended. */
async function submit(run: Run, { branch, client, accounts }: Owner): Promise<void> {
  const { random, options } = run;
  const account = () => accountName(random.between(0, options.accountsEach - 1));
  const [from, amount] = [random.pick(accounts), random.between(1, amountMax)];
  const others = run.branches.map(({ name }) => name).filter((name) => name !== branch.name);
  const name = `t${++run.names}`;
  let verdict: Awaited<ReturnType<BankClient["submit"]>>;
  if (random.chance(acrossChance)) {
    const via = random.pick(others);
    const bank = random.pick(others.filter((other) => other !== via));
    const to = ++run.across % closedEvery === 0 ? closedAccount : account();
    verdict = await client.submit("pay.start", { saga: name, input: { from, via, bank, to, amount } });
    if (verdict.status === "accepted") await branch.ended(name);
  } else {
    let to = account();
    while (to === from) to = account();
    verdict = await client.submit("transfer", { transfer: name, legs: legsOf(from, to, amount) });
  }
  if (verdict.status !== "accepted" && verdict.status !== "rejected") {
    throw new Error(`${branch.name}: ${name} has no verdict: ${JSON.stringify(verdict)}`);
  }
  const eventId = verdict.status === "accepted" ? verdict.eventId : undefined;
  run.answers.push({ bank: branch.name, name, eventId });
  if (eventId !== undefined) run.accepted++;
  // A client can reject without its server: then nothing else would get a turn.
  else await sleep(rejectedPauseMs);
}

/** Has a bank refuse what comes from others for a while, again and again. */
async function keepHolidays(run: Run, { client }: Owner): Promise<void> {
  while (!run.over) {
    await run.wait(openMs);
    await client.submit("holiday", { holiday: true });
    await run.wait(holidayMs);
    await client.submit("holiday", { holiday: false });
  }
}

/** An operator of a bank attempts compensations that were rejected again, until they are accepted. */
function operate({ branch, client }: Owner): void {
  const attended = new Set<string>();
  branch.onProgress(async (saga, state) => {
    if (state !== "FAILED" || attended.has(saga)) return;
    attended.add(saga);
    while (branch.stateOf(saga) === "FAILED") {
      await client.submit("pay.retry", { saga });
      await sleep(operatorPauseMs);
    }
    attended.delete(saga);
  });
}

/** Kills the server while transfers are in each of the open states, and starts it again. */
async function keepKilling(run: Run, server: TestServer): Promise<void> {
  const { options, kills, random } = run;
  const missing = () => openStates.filter((state) => run.branches.every(({ interrupted }) => !interrupted.has(state)));
  const left = () => (options.eachState && kills.length < killsMax ? missing() : []);
  while (kills.length < options.kills || left().length > 0) {
    const target = random.pick(left().length > 0 ? left() : openStates);
    await reached(run, target, (kills.length / options.kills) * options.transfers);
    await server.kill();
    kills.push(Date.now());
    await sleep(random.between(0, downMsMax));
    await server.start();
  }
}

/** Resolves when `accepted` transfers are, and then one gets into a state; or none does for long. */
function reached(run: Run, target: string, accepted: number): Promise<void> {
  return new Promise((resolve) => {
    let patience = patienceEvents;
    const stops = run.branches.map((branch) =>
      branch.onProgress((_, state) => {
        if (run.accepted < Math.min(accepted, run.options.transfers)) return;
        if (state !== target && --patience > 0) return;
        for (const stop of stops) stop();
        resolve();
      }),
    );
  });
}
