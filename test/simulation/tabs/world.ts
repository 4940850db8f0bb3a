import type { SocketEvents } from "../../../src/client/index.ts";
import type { Message } from "../../../src/client/tabs/messages.ts";
import { canonicalJson } from "../../../src/protocol/canonical.ts";
import { type Json, noLimits } from "../../../src/protocol/index.ts";
import { submitterOf } from "../../../src/storage/port.ts";
import { Connection, type NetworkConditions } from "../clients/connection.ts";
import { lineOf } from "../clients/line.ts";
import { Reporter } from "../clients/reporter.ts";
import { Server } from "../clients/server.ts";
import { naiveModel } from "../naive.ts";
import { Random } from "../random.ts";
import { Schedule } from "../schedule.ts";
import { Trace } from "../trace.ts";
import { Browser } from "./locks.ts";
import { lounge } from "./lounge.ts";
import { Shelf } from "./shelf.ts";
import { Tab, type Version } from "./tab.ts";

/** After the last fault everything must settle within this time, in milliseconds. */
const settlingMsMax = 4 * 60 * 1_000;
const settlingActMs = 1_000;
const tabsPerBrowserMax = 4;
/** May never be shown out. */
const host = "user:host";
const guests = ["user:ada", "user:ben"];

/** The planted fault of a run. */
export interface TabsVariant {
  /** Plants the fault, and returns a function that removes it. */
  plant?: () => () => void;
  /** Changes a frame before the client gets it. */
  tamper?: (frame: string) => string;
  /** The name under which tabs share a lock and a channel. */
  nameOf?: (name: string) => string;
  /** Whether a message between tabs arrives. */
  hears?: (message: Message) => boolean;
}

/** The parameters of a run, from its seed. */
function characterOf(random: Random) {
  const { often, timing, conditions } = lineOf(random);
  return {
    browsers: random.between(1, 2),
    timing,
    conditions,
    refused: often(0.2),
    tabMsMax: random.pick([0, 3, 50]),
    storeMsMax: random.pick([0, 10, 200]),
    actMsMax: random.pick([50, 400, 2_000]),
    faultIntervalMsMax: random.pick([500, 5_000]),
    deferMsMax: random.pick([0, 1, 30]),
    actions: {
      say: 6,
      sit: 2,
      open: 1.5,
      close: often(0.8),
      crash: often(0.8),
      freeze: often(0.6),
      thaw: 1,
      look: 1,
      pause: often(0.2),
      verify: often(0.5),
      showOut: often(0.5),
      letIn: 0.5,
      withdraw: often(1.5),
      lose: often(0.3),
    },
    faults: { nothing: 1, cut: often(3), crash: often(1), hibernate: often(2), newVersion: often(0.4) },
    /** The probability that a page that is opened is of the newest version. */
    isNew: random.pick([0.2, 0.5, 0.9]),
    /** The probability that the tabs of a browser have no channel. */
    noChannel: random.pick([0, 0, 0.5]),
  };
}

/**
 * One partition, and browsers with tabs of several users, with the production client: tabs lead, follow and take over; the
 * model gets a new version; users lose their right to read, and get it back. One seed determines everything.
 */
export class TabsSimulation {
  readonly trace = new Trace();
  readonly #random: Random;
  readonly #schedule = new Schedule();
  readonly #character: ReturnType<typeof characterOf>;
  readonly #variant: TabsVariant;
  readonly #browsers: {
    browser: Browser;
    shelf: Shelf;
    tabs: Set<Tab>;
    hasChannel: boolean;
    /** Whether a tab of it could ever not reach another one: without a channel, or with another version. */
    isApart: boolean;
  }[];
  readonly #connections: Connection[] = [];
  /** Those of the mark of each draft. */
  readonly #submitters = new Map<string, string>();
  /** The marks that a tab has asked to withdraw, and the browsers of those that are withdrawn. */
  readonly #askedBack = new Set<string>();
  readonly #withdrawn = new Map<string, { readonly isApart: boolean }>();
  #server: Server;
  #version: Version = 1;
  /** The last event that a server of the first version has decided. */
  #lastOfFirst = Number.POSITIVE_INFINITY;
  /** The states after each event, and who was out then, by version. */
  readonly #folds = { 1: foldOf(1), 2: foldOf(2) };
  #isCalm = false;
  #opened = 0;
  #marks = 0;

  constructor(seed: number, variant: TabsVariant) {
    this.#random = new Random(seed);
    this.#variant = variant;
    this.#character = characterOf(this.#random);
    const { browsers, tabMsMax, storeMsMax, noChannel } = this.#character;
    this.#server = this.#newServer();
    this.#browsers = Array.from({ length: browsers }, () => {
      const hasChannel = !this.#random.chance(noChannel);
      return {
        browser: new Browser(this.#schedule, this.#random, tabMsMax, variant.hears ?? (() => true)),
        shelf: new Shelf(this.#schedule, this.#random, storeMsMax),
        tabs: new Set<Tab>(),
        hasChannel,
        isApart: !hasChannel,
      };
    });
  }

  /** Runs `steps` steps with faults, and then until all is settled. `turn` runs the microtasks of the clients. */
  async run(steps: number, turn: () => Promise<void>): Promise<void> {
    const { trace } = this;
    for (const at of this.#browsers.keys()) {
      this.#open(at, host);
      this.#keepActing(at);
    }
    this.#keepInjectingFaults();
    for (let step = 0; step < steps && trace.violation === undefined; step++) await this.#step(turn);
    if (trace.violation === undefined) this.#calm();
    const until = this.#schedule.now + settlingMsMax;
    while (trace.violation === undefined && !this.#isSettled && this.#schedule.now < until) await this.#step(turn);
    trace.check(this.#isSettled, () => `${settlingMsMax} ms after the last fault: ${this.#describe()}`);
    if (trace.violation === undefined) this.#checkEnd();
    this.#server.disk.disk.close();
  }

  get #tabs(): Tab[] {
    return this.#browsers.flatMap(({ tabs }) => [...tabs]);
  }

  get #isSettled(): boolean {
    const { host: platform } = this.#server;
    return (
      this.#isCalm &&
      platform.idle &&
      this.#tabs.every((tab) => this.#isDone(tab)) &&
      this.#browsers.every(({ shelf }) => shelf.keys.length === 0)
    );
  }

  #isDone({ isDead, isClosing, version, client }: Tab): boolean {
    const { status, pending, eventId } = client;
    const isOnline = status.status === "online" && pending.length === 0 && eventId === this.#server.ledger.head;
    return isDead || (!isClosing && version === 2 && isOnline);
  }

  #describe(): string {
    const tabs = this.#tabs.map(
      ({ version, principal, client }) =>
        `${principal} (version ${version}) is ${client.status.status} (${client.status.reason}) at ${client.eventId}, with ${client.pending.length} pending`,
    );
    return [...tabs, ...this.#browsers.map(({ shelf }) => `${shelf.keys.length} are kept`)].join("; ");
  }

  #newServer(disk?: Server["disk"]["disk"]): Server {
    const { trace } = this;
    const parts = {
      model: lounge[this.#version],
      trace,
      schedule: this.#schedule,
      random: this.#random,
      deferMsMax: this.#character.deferMsMax,
      limits: noLimits,
    };
    return new Server(parts, disk ? { disk: disk as never, generation: 1, sameLog: true } : {});
  }

  async #step(turn: () => Promise<void>): Promise<void> {
    this.#schedule.step();
    if (this.#server.host.alarmDue) this.#server.host.alarm();
    await turn();
    this.#server.host.look();
    const { ledger } = this.#server;
    for (const fold of Object.values(this.#folds)) fold.extend(ledger);
    for (const tab of this.#tabs) {
      const fold = this.#folds[tab.version];
      const lastOf = tab.version === 1 ? this.#lastOfFirst : Number.POSITIVE_INFINITY;
      tab.check(
        (eventId) => fold.states[eventId]!,
        lastOf,
        (eventId) => fold.out[eventId]!.includes(tab.principal),
      );
    }
  }

  #keepActing(at: number): void {
    const delayMs = this.#isCalm ? settlingActMs : this.#random.between(1, this.#character.actMsMax);
    this.#schedule.after(delayMs, () => {
      if (this.#isCalm) this.#settle(at);
      else this.#act(at);
      this.#keepActing(at);
    });
  }

  #act(at: number): void {
    const random = this.#random;
    const { browser, tabs } = this.#browsers[at]!;
    const action = random.weighted(this.#character.actions);
    if (action === "open" || tabs.size === 0) {
      if (tabs.size < tabsPerBrowserMax) this.#open(at, random.pick([host, ...guests]));
      return;
    }
    const tab = random.pick([...tabs]);
    if (tab.isClosing) return;
    switch (action) {
      case "thaw":
        if (tab.isFrozen) tab.thaw();
        tab.look(random.chance(0.7));
        return;
      case "crash":
        tab.crash();
        browser.ended(tab);
        tabs.delete(tab);
        return;
    }
    if (tab.isFrozen) return;
    // A page whose client was closed is left or loaded again.
    if (tab.isClosed || action === "close") {
      void this.#close(at, tab);
      return;
    }
    switch (action) {
      case "say":
        this.#submit(tab, "say", {});
        return;
      case "sit":
        this.#submit(tab, "sit", { seat: random.pick(["a", "b", "c"]) });
        return;
      case "showOut":
      case "letIn":
        if (tab.principal === host) this.#submit(tab, action, { who: random.pick(guests) });
        return;
      case "freeze":
        tab.freeze();
        return;
      case "look":
        tab.look(random.chance(0.7));
        return;
      case "pause":
        tab.client.pause();
        this.#schedule.after(random.between(0, 5_000), () => tab.run(() => tab.client.resume()));
        return;
      case "withdraw":
        void this.#withdraw(at, tab);
        return;
      case "lose":
        tab.losesChannel();
        this.#browsers[at]!.isApart = true;
        return;
      case "verify":
        void this.#verify(tab);
    }
  }

  async #withdraw(at: number, tab: Tab): Promise<void> {
    const browser = this.#browsers[at]!;
    const { pending } = tab.client;
    if (pending.length === 0) return;
    const { key, drafts } = this.#random.pick([...pending]);
    const mark = String(drafts[0]!.payload["mark"]);
    this.#askedBack.add(mark);
    if (!(await tab.client.withdraw(key)) || tab.isDead) return;
    this.trace.line(`${this.#schedule.now} ${mark} is withdrawn`);
    this.#withdrawn.set(mark, browser);
  }

  async #verify({ client }: Tab): Promise<void> {
    const same = await client.verify();
    this.trace.check(same !== false, () => "a tab has not the server's state");
  }

  /** Only what is needed to settle: all pages are loaded again in the new version, and everybody is let in. */
  #settle(at: number): void {
    const { shelf, tabs } = this.#browsers[at]!;
    const everybodyIsIn = this.#folds[2].out.at(-1)!.length === 0;
    const isWaiting = everybodyIsIn && [...tabs].every((tab) => this.#isDone(tab)) && shelf.keys.length > 0;
    for (const tab of tabs) {
      if (tab.isFrozen) tab.thaw();
      if (!tab.isVisible) tab.look(true);
      // The tab that has paused all of them may have ended.
      if (tab.client.status.reason === "paused") tab.client.resume();
      // What a tab of the first version has stored late is sent after the next start.
      if (tab.isClosed || tab.version === 1 || isWaiting) void this.#close(at, tab);
      else if (tab.principal === host && this.#isDone(tab)) {
        for (const who of guests)
          if (this.#folds[2].out[tab.client.eventId]!.includes(who)) this.#submit(tab, "letIn", { who });
      }
    }
    // What a user has queued is sent by a tab of that user.
    for (const principal of [host, ...guests])
      if (![...tabs].some((tab) => tab.principal === principal)) this.#open(at, principal);
  }

  async #close(at: number, tab: Tab): Promise<void> {
    if (tab.isClosing) return;
    const { browser, tabs } = this.#browsers[at]!;
    await tab.close();
    browser.ended(tab);
    tabs.delete(tab);
  }

  #submit(tab: Tab, type: string, more: Record<string, string>): void {
    const mark = `m${++this.#marks}`;
    this.#submitters.set(mark, tab.principal);
    void tab.submit(type, mark, more);
  }

  #open(at: number, principal: string): void {
    const { browser, shelf, tabs, hasChannel } = this.#browsers[at]!;
    const random = this.#random;
    const name = `b${at}t${++this.#opened}`;
    const { nameOf = (shared: string) => shared } = this.#variant;
    const tab = new Tab({
      principal,
      version: this.#isCalm || random.chance(this.#character.isNew) ? 2 : 1,
      timing: this.#character.timing,
      schedule: this.#schedule,
      random,
      reporter: new Reporter(name, this.#schedule, this.trace),
      port: (of, shared) =>
        browser.port(
          nameOf(shared),
          of,
          () => of.isVisible,
          () => hasChannel && !of.hasLostChannel,
        ),
      store: (of) => shelf.open(of, principal),
      connect: (of, events) => this.#connect(`${name}#${this.#connections.length}`, of, events),
      delay: () => random.next(),
    });
    if ([...tabs].some(({ version }) => version !== tab.version)) this.#browsers[at]!.isApart = true;
    tabs.add(tab);
  }

  #connect(name: string, { principal, refusals }: Tab, events: SocketEvents): Connection {
    const random = this.#random;
    const { tamper = (frame: string) => frame } = this.#variant;
    const connection = new Connection({
      name,
      random,
      schedule: this.#schedule,
      trace: this.trace,
      conditions: this.#character.conditions,
      events,
      tamper: (frame) => {
        const given = tamper(frame);
        if (frame.includes('"code":"forbidden"')) refusals.add(given);
        return given;
      },
      onDamaged: () => {},
    });
    this.#connections.push(connection);
    const isRefused = !this.#isCalm && random.chance(this.#character.refused);
    const server = this.#server;
    this.#schedule.after(random.between(0, this.#character.conditions.latencyMsMax), () => {
      if (isRefused || server !== this.#server) connection.heal();
      else {
        const author = { principal, permissions: "all" as const };
        void server.host.accept(connection, { principal, author, awaitsToken: false }, () => connection.opened());
      }
    });
    return connection;
  }

  #keepInjectingFaults(): void {
    this.#schedule.after(this.#random.between(1, this.#character.faultIntervalMsMax), () => {
      if (this.#isCalm) return;
      const { host: platform } = this.#server;
      switch (this.#random.weighted(this.#character.faults)) {
        case "cut":
          this.#random.pick([...this.#connections.slice(-6), undefined])?.cut();
          break;
        case "crash":
          platform.crash();
          break;
        case "hibernate":
          if (platform.idle) platform.hibernate();
          break;
        case "newVersion":
          this.#newVersion();
      }
      this.#keepInjectingFaults();
    });
  }

  /** The second version of the model is deployed. */
  #newVersion(): void {
    if (this.#version === 2) return;
    const before = this.#server;
    before.host.crash();
    before.ledger.observeAll();
    this.#version = 2;
    this.#lastOfFirst = before.ledger.head;
    this.trace.line(`${this.#schedule.now} version 2 is deployed, after event ${this.#lastOfFirst}`);
    this.#server = this.#newServer(before.disk.disk);
    for (const connection of this.#connections) connection.heal();
  }

  #calm(): void {
    this.trace.line(`${this.#schedule.now} calm`);
    this.#isCalm = true;
    this.#newVersion();
    const { conditions } = this.#character;
    Object.assign(conditions, { stallMsMax: 0, unnoticed: 0 } satisfies Partial<NetworkConditions>);
    conditions.faults = { drop: 0, duplicate: 0, truncate: 0, stall: 0 };
    for (const connection of this.#connections) connection.heal();
  }

  #checkEnd(): void {
    const { trace } = this;
    const { ledger } = this.#server;
    ledger.observeAll();
    const seen = new Set<string>();
    for (const row of ledger.rows) {
      const { mark } = JSON.parse(row.payload) as { mark: string };
      trace.check(!seen.has(mark), () => `${mark} is in the log twice`);
      seen.add(mark);
      const [own, of] = [this.#submitters.get(mark), submitterOf(row)];
      trace.check(own === of, () => `${mark} was submitted by ${own}, and is of ${of}`);
    }
    for (const { shelf } of this.#browsers) {
      for (const [key, { principal, mark }] of shelf.stored) {
        if (this.#askedBack.has(mark) && !seen.has(mark)) continue;
        const isRejected = ledger.rejection(principal, key) !== undefined;
        trace.check(
          seen.has(mark) !== isRejected,
          () => `${mark} was stored, and is in the log: ${seen.has(mark)}; rejected: ${isRejected}`,
        );
      }
    }
    // One that works alone may have it in memory, or begin to send it at the same moment.
    for (const [mark, { isApart }] of this.#withdrawn)
      trace.check(isApart || !seen.has(mark), () => `${mark} was withdrawn, and is in the log`);
    for (const { verdicts } of this.#tabs) {
      for (const [mark, status] of verdicts) {
        const isInLog = seen.has(mark);
        if (status === "withdrawn") trace.check(this.#askedBack.has(mark), () => `nobody has withdrawn ${mark}`);
        if (status === "accepted" || status === "rejected")
          trace.check(isInLog === (status === "accepted"), () => `${mark} is ${status}, and in the log: ${isInLog}`);
      }
    }
  }
}

/** What a log folds to, event by event, by the rules of one version, and who may not read then. */
function foldOf(version: Version) {
  const model = naiveModel("lounge", version);
  const state = model.initial();
  const states = [canonicalJson(state as Json)];
  const out: string[][] = [[]];
  return {
    states,
    out,
    extend({ rows }: Server["ledger"]): void {
      for (const row of rows.slice(states.length - 1)) {
        const { eventId, type, payload, clientId, timestamp } = row;
        const principal = submitterOf(row);
        model.apply(state, {
          type,
          payload: JSON.parse(payload),
          clientId,
          principal,
          author: principal,
          timestamp,
          head: eventId - 1,
        });
        states.push(canonicalJson(state as Json));
        out.push(Object.keys(state.out));
      }
    },
  };
}
