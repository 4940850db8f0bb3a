import type { SocketEvents, Timing } from "../../../src/client/index.ts";
import { defaultTiming } from "../../../src/client/transport/timing.ts";
import { complete, Partition, rejectionRetentionMs } from "../../../src/core/index.ts";
import { canonicalJson } from "../../../src/protocol/canonical.ts";
import { type Json, type Author, type Limits, noLimits } from "../../../src/protocol/index.ts";
import { PartitionStorage } from "../../../src/storage/partition/storage.ts";
import { bytesPort, hmac, migrations, sha256 } from "../../support/partition.ts";
import { faults } from "../disk.ts";
import { type Application, applications } from "../drafts.ts";
import { partitionName } from "../host.ts";
import { canonicalText } from "../ledger.ts";
import { Random } from "../random.ts";
import { Schedule } from "../schedule.ts";
import { Trace } from "../trace.ts";
import { type Account, principalOf } from "./account.ts";
import type { Book } from "./book.ts";
import { Connection, type NetworkConditions } from "./connection.ts";
import type { Link } from "../link.ts";
import { clubApplications } from "./club.ts";
import { deskApplication, failingType } from "./desk.ts";
import { Device } from "./device.ts";
import { Guest, type Message } from "./guest.ts";
import { GuestTalk } from "./guest-talk.ts";
import { type Backup, Server } from "./server.ts";
import type { DeviceStorage } from "./storage.ts";

/** After the last fault everything must settle within this time, in milliseconds. */
const settlingMsMax = 10 * 60 * 1_000;
/** How often a device then checks what it has to do. */
const settlingActMs = 500;
/** The idle time at the end, after which only heartbeats are left: longer than any other timer, in milliseconds. */
const restMs = 45_000;
const dayMs = 24 * 60 * 60 * 1_000;

/** The planted bug of a run. */
export interface Variant {
  /** Plants the bug, and returns a function that removes it. */
  plant?: () => () => void;
  /** Random numbers for the delays of clients, from 0 to 1. */
  delay?: () => number;
  /** Called with the key of a draft that is sent, and its storage. */
  sent?: (storage: DeviceStorage, key: string) => void;
  /** Changes a frame before the client gets it. */
  tamper?: (frame: string) => string;
  /** Whether there are clients of the package `insieme`, too. */
  guests?: boolean;
  /** Changes a message before such a client gets it; undefined: it is lost. */
  tamperGuest?: (message: Message) => Message | undefined;
  /** Changes a frame of such a client before the server gets it. */
  tamperAsked?: (frame: string) => string;
}

/** The parameters of a run, from its seed. Each run has a different mixture, so that quiet and faulty runs both go deep. */
function characterOf(random: Random) {
  const often = (most: number) => (random.chance(0.4) ? 0 : random.next() * most);
  const hasty = random.chance(0.5);
  const timing: Timing = hasty
    ? { connectMs: 2_000, heartbeatMs: 3_000, heartbeatAnswerMs: 1_500, answerMs: 3_000, storeMs: 1_000, verifyMs: 0 }
    : { ...defaultTiming, verifyMs: 0 };
  const unit = hasty ? 1_000 : 5_000;
  const conditions: NetworkConditions = {
    latencyMsMax: random.pick([0, 5, 60, 400]),
    noticeMsMax: random.pick([0, 20, 300]),
    stallMsMax: random.pick([100, unit, 8 * unit]),
    unnoticed: often(0.5),
    faults: { drop: often(0.12), duplicate: often(0.12), truncate: often(0.06), stall: often(0.1) },
  };
  return {
    devices: random.between(3, 8),
    application: random.pick<Application>([
      deskApplication,
      deskApplication,
      deskApplication,
      ...applications,
      random.pick(clubApplications),
    ]),
    timing,
    conditions,
    /** The probability that an attempt to connect is refused, or never answered. */
    refused: often(0.3),
    unanswered: often(0.15),
    actMsMax: random.pick([40, 400, 400, 4_000]),
    faultIntervalMsMax: random.pick([100, 1_000, 10_000]),
    deferMsMax: random.pick([0, 1, 30]),
    storeLatencyMsMax: random.pick([0, 20, 500]),
    outageMsMax: random.pick([2, 20, 60]) * unit,
    actionWeights: {
      submit: 8,
      burst: often(0.6),
      atomic: often(3),
      sequential: often(3),
      undo: often(2),
      redo: often(1.5),
      group: often(1),
      replace: often(1.5),
      withdraw: often(1.5),
      flush: often(0.5),
      dismiss: often(0.4),
      verify: often(1.5),
      show: often(1),
      pause: often(0.6),
      parked: often(1),
      network: often(0.6),
      visible: often(0.6),
      store: often(0.3),
      clear: often(0.15),
      signOut: often(0.3),
      switch: often(0.4),
      close: often(0.4),
      crash: often(0.6),
      jump: often(0.1),
    },
    faultWeights: {
      nothing: 1,
      fault: often(4),
      cut: often(4),
      crash: often(1),
      hibernate: often(2),
      jump: often(0.5),
      drain: often(0.3),
      outage: often(0.3),
      backup: often(0.8),
      restore: often(0.6),
    },
    /** The probability that a restored log keeps its id. */
    sameLog: often(0.8),
  };
}

/** Every third run has rate limits that are low enough to matter. */
function limitsOf(seed: number): Limits {
  if (seed % 3 !== 0) return noLimits;
  return {
    ...noLimits,
    principal: { perSecond: 2 + (seed % 7), burst: 4 },
    replays: { perSecond: 20, burst: 10 },
    reads: seed % 2 === 0 ? { perSecond: 0.5, burst: 2 } : null,
  };
}

/** One partition, and devices with production clients. One seed determines all actions and faults. */
export class ClientsWorld {
  readonly trace = new Trace();
  readonly #random: Random;
  readonly #schedule = new Schedule();
  readonly #character: ReturnType<typeof characterOf>;
  readonly #conditions: NetworkConditions;
  readonly #variant: Variant;
  readonly #servers: Server[];
  readonly #devices: Device[];
  readonly #guests: Guest[];
  readonly #connections: Connection[] = [];
  #backup: Backup | undefined;
  #outageUntil = 0;
  /** Cannot connect after a restore, until the log has grown past its cursor again. */
  #late: Device | undefined;
  #faultsEnded = false;
  #over = false;
  /** Whether the server has deleted rejections: then a rejected draft may be accepted later. */
  #forgets = false;
  #opened = 0;

  constructor(seed: number, variant: Variant) {
    this.#random = new Random(seed);
    this.#variant = variant;
    this.#character = characterOf(this.#random);
    this.#conditions = { ...this.#character.conditions };
    const { trace } = this;
    const random = this.#random;
    const schedule = this.#schedule;
    // Their rules are those of one model here: what matters is their wire.
    if (variant.guests) this.#character.application = deskApplication;
    const { application, timing, actionWeights, storeLatencyMsMax, deferMsMax, devices } = this.#character;
    this.#servers = [
      new Server({ model: application.model, trace, schedule, random, deferMsMax, limits: limitsOf(seed) }),
    ];
    this.#devices = Array.from(
      { length: devices },
      (_, at) =>
        new Device({
          name: `d${at}`,
          authors: authorsOf(at, random),
          application,
          schedule,
          random,
          trace,
          timing,
          servers: this.#servers,
          storeLatencyMsMax,
          actionWeights,
          delay: variant.delay ?? (() => random.next()),
          sent: variant.sent ?? (() => {}),
          connect: (...how) => this.#connect(...how),
        }),
    );
    const { conditions } = this.#character;
    this.#guests = Array.from(
      { length: variant.guests ? random.between(1, 4) : 0 },
      (_, at) =>
        new Guest({
          name: `guest${at}`,
          application,
          schedule,
          random,
          trace,
          conditions,
          connect: (...how) => this.#welcome(...how),
          tamper: variant.tamperGuest ?? ((message) => message),
          tamperAsked: variant.tamperAsked ?? ((frame) => frame),
        }),
    );
  }

  /** Runs `steps` steps with faults, and then until all is settled. `turn` runs the microtasks of the clients. */
  async run(steps: number, turn: () => Promise<void>): Promise<void> {
    const { trace } = this;
    trace.line(`a ${this.#character.application.name} partition with ${this.#devices.length} devices`);
    for (const device of [...this.#devices, ...this.#guests]) this.#keepActing(device);
    this.#keepInjectingFaults();
    for (let step = 0; step < steps && trace.violation === undefined; step++) await this.#step(turn);
    if (trace.violation === undefined) this.#endFaults();
    const until = this.#schedule.now + settlingMsMax;
    while (trace.violation === undefined && !this.#settled() && this.#schedule.now < until) await this.#step(turn);
    for (const device of [...this.#devices, ...this.#guests]) {
      trace.check(device.settled, () => `${settlingMsMax} ms after the last fault: ${device.describe()}`);
    }
    if (trace.violation === undefined) await this.#end(turn);
    for (const { disk } of this.#servers) disk.disk.close();
  }

  get #server(): Server {
    return this.#servers.at(-1)!;
  }

  #settled(): boolean {
    return this.#server.host.idle && [...this.#devices, ...this.#guests].every(({ settled }) => settled);
  }

  async #step(turn: () => Promise<void>): Promise<void> {
    this.#schedule.step();
    if (this.#server.host.alarmDue) this.#server.host.alarm();
    await turn();
    this.#server.host.look();
    for (const device of this.#devices) device.look();
  }

  #keepActing(device: Device | Guest): void {
    const delayMs = this.#faultsEnded ? settlingActMs : this.#random.between(1, this.#character.actMsMax);
    this.#schedule.after(delayMs, () => {
      if (this.#over) return;
      if (this.#faultsEnded) device.settle();
      else device.act();
      this.#keepActing(device);
    });
  }

  #keepInjectingFaults(): void {
    this.#schedule.after(this.#random.between(1, this.#character.faultIntervalMsMax), () => {
      if (this.#faultsEnded) return;
      this.#injectFault();
      this.#keepInjectingFaults();
    });
  }

  #injectFault(): void {
    const random = this.#random;
    const { host, disk } = this.#server;
    switch (random.weighted(this.#character.faultWeights)) {
      case "nothing":
        return;
      case "fault":
        disk.arm(random.pick(faults), random.between(0, 8), random.chance(0.7) ? 1 : random.between(2, 6));
        return;
      case "cut":
        random.pick([...this.#connections.slice(-2 * this.#devices.length), ...this.#guests, undefined])?.cut();
        return;
      case "crash":
        host.crash();
        return;
      case "hibernate":
        if (host.idle) host.hibernate();
        return;
      case "jump":
        this.#jump(random.pick([-dayMs, -1_000, -1, 1, 1_000, 11 * 60 * 1_000, 31 * dayMs]));
        return;
      case "drain":
        this.#drain();
        return;
      case "outage":
        this.#outageUntil = this.#schedule.now + random.between(0, this.#character.outageMsMax);
        this.#line(`an outage until ${this.#outageUntil}`);
        for (const connection of [...this.#connections, ...this.#guests]) connection.cut();
        return;
      case "backup":
        this.#backup = this.#server.backup();
        this.#line(`a backup of ${this.#backup.head} events`);
        return;
      case "restore":
        // A client of that package cannot tell that the log is another one.
        if (this.#guests.length === 0) this.#restore();
    }
  }

  #jump(byMs: number): void {
    this.#schedule.skewMs += byMs;
    if (byMs > rejectionRetentionMs) this.#forgets = true;
    this.#line(`the server's clock jumps to ${this.#schedule.serverNow}`);
  }

  #drain(): void {
    const reconnectAfterMs = this.#random.between(0, 5_000);
    this.#line(`drains, for ${reconnectAfterMs} ms`);
    const payload = { reconnectAfterMs };
    const text = JSON.stringify({ id: "drain", type: "draining", timestamp: this.#schedule.serverNow, payload });
    for (const connection of this.#connections) connection.fromServer({ text });
  }

  #restore(): void {
    const backup = this.#backup;
    if (!backup) return;
    this.#backup = undefined;
    const logId = this.#random.chance(this.#character.sameLog) ? undefined : `log-${this.#random.hex(8)}`;
    this.#line(`the log is restored to event ${backup.head}, as ${logId ?? "it was"}`);
    this.#servers.push(this.#server.restored(backup, logId));
    this.#late = this.#random.pick([...this.#devices, undefined]);
  }

  #connect(device: Device, events: SocketEvents, token: string | undefined) {
    const author = device.accounts.find(
      (account) => token !== undefined && account.author?.principal === principalOf(token),
    )?.author;
    const random = this.#random;
    const schedule = this.#schedule;
    const server = this.#server;
    const connection = new Connection({
      name: `${device.name}#${++this.#opened}`,
      random,
      schedule,
      trace: this.trace,
      conditions: this.#conditions,
      events,
      tamper: this.#variant.tamper ?? ((frame) => frame),
      onDamaged: () => (device.disturbed = true),
    });
    this.#connections.push(connection);
    const { refused, unanswered, conditions } = this.#character;
    const away = !device.online || schedule.now < this.#outageUntil || this.#isLate(device);
    const outcome = this.#faultsEnded ? "taken" : away || random.chance(refused) ? "refused" : "taken";
    const delayMs = random.between(0, conditions.latencyMsMax);
    if (!this.#faultsEnded && random.chance(unanswered)) return { connection, generation: server.generation };
    schedule.after(delayMs, () => {
      // After a restore there is another object: this one was never reached.
      if (outcome === "refused" || server !== this.#server) connection.heal();
      else {
        const arriving = { principal: author?.principal, author, awaitsToken: false };
        void server.host.accept(connection, arriving, () => connection.opened());
      }
    });
    return { connection, generation: server.generation };
  }

  #welcome(link: Link, opened: () => void): void {
    const random = this.#random;
    const { ledger, host } = this.#server;
    const away = this.#schedule.now < this.#outageUntil || random.chance(this.#character.refused);
    this.#schedule.after(random.between(0, this.#conditions.latencyMsMax), () => {
      if (away && !this.#faultsEnded) link.cut();
      else {
        const talk = new GuestTalk(link.name, ledger, this.trace);
        void host.accept(link, { principal: undefined, author: undefined, awaitsToken: false, talk }, opened);
      }
    });
  }

  #isLate(device: Device): boolean {
    return device === this.#late && (device.program?.client.eventId ?? 0) > this.#server.ledger.head;
  }

  /** Ends all faults; both sides notice each broken connection. */
  #endFaults(): void {
    this.#faultsEnded = true;
    this.#line("calm");
    this.#server.disk.disarm();
    Object.assign(this.#conditions, { stallMsMax: 0, unnoticed: 0 } satisfies Partial<NetworkConditions>);
    this.#conditions.faults = { drop: 0, duplicate: 0, truncate: 0, stall: 0 };
    for (const connection of this.#connections) connection.heal();
    for (const device of this.#devices) device.endFaults();
  }

  async #end(turn: () => Promise<void>): Promise<void> {
    const { trace } = this;
    this.#over = true;
    await this.#rest(turn);
    for (const { program } of this.#devices) void program!.verify();
    await this.#rest(turn);
    if (trace.violation !== undefined) return;
    this.#checkServer();
    for (const device of this.#devices) this.#checkDevice(device);
    for (const guest of this.#guests) this.#checkGuest(guest);
    for (const device of [...this.#devices, ...this.#guests]) device.end();
    await this.#rest(turn);
    for (const { name, program, accounts } of this.#devices) {
      trace.check(program === undefined, () => `${name} does not end`);
      for (const { storage } of accounts)
        trace.check(storage.keys.length === 0, () => `${name} keeps ${storage.keys.join()} for ever`);
    }
  }

  /** Advances the clock. */
  async #rest(turn: () => Promise<void>): Promise<void> {
    const until = this.#schedule.now + restMs;
    this.#schedule.after(restMs, () => {});
    while (this.trace.violation === undefined && this.#schedule.now < until) await this.#step(turn);
  }

  #checkServer(): void {
    const { trace } = this;
    const { ledger, disk, host } = this.#server;
    ledger.observeAll();
    trace.check(this.#server.stateAt(ledger.head) === ledger.state, () => "the log folds to two states");
    void host.readState();
    const again = complete(
      new Partition(partitionName, this.#character.application.model, {
        storage: new PartitionStorage(disk.disk, migrations, bytesPort),
        random: {
          logId: () => "",
          incarnation: () => "",
          traceId: () => "",
          peerId: () => "",
          secret: () => "0".repeat(64),
          fraction: () => 0,
        },
        sha256,
        hmac,
        log: () => {},
        measure: () => {},
        unread: () => 0,
        askTenant: () => {},
        defer: () => {},
      }).stateAt(undefined, this.#schedule.serverNow),
    );
    trace.check(
      again.eventIndex === ledger.head && canonicalText([...again.state].join("")) === ledger.state,
      () => "after a restart the state is another one",
    );
    const drafts = new Set<string>();
    for (const { draftId, eventId, principal } of ledger.rows) {
      trace.check(!drafts.has(draftId), () => `${draftId} is in the log twice`);
      drafts.add(draftId);
      if (this.#guests.some(({ outcomes }) => outcomes.has(draftId))) continue;
      const account = this.#devices
        .flatMap(({ accounts }) => accounts)
        .find(({ book }) => book.byDraft(draftId) !== undefined);
      trace.check(account !== undefined, () => `event ${eventId} is of a draft that was not submitted`);
      const own = account?.author?.principal ?? principal;
      trace.check(own === principal, () => `event ${eventId} was submitted by ${own}, and is of ${principal}`);
    }
  }

  #checkDevice(device: Device): void {
    const { trace } = this;
    const { ledger } = this.#server;
    const { timing } = this.#character;
    const { name } = device;
    const program = device.program!;
    trace.check(
      canonicalJson(program.client.state as Json) === ledger.state,
      () => `${name} has another state than the server`,
    );
    trace.check(program.settled, () => `${name} is not settled any more: ${program.describe()}`);
    const surplus = program.timers.filter((ms) => ms !== timing.heartbeatMs && ms !== timing.heartbeatAnswerMs);
    trace.check(
      surplus.length === 0 && program.timers.length === 1,
      () => `${name} has timers: ${program.timers.join()}`,
    );
    const { author } = program.client;
    const known = ledger.authorOf(program.principal);
    trace.check(ledger.head === 0 || author === known, () => `${name} is ${author} in events, and not ${known}`);
    this.#checkPeers(device);
    for (const account of device.accounts) this.#checkAccount(device, account);
  }

  /** Its copy is the log, and each of its drafts is in it once, in its order, or was rejected. */
  #checkGuest({ name, outcomes, committed }: Guest): void {
    const { trace } = this;
    const { rows } = this.#server.ledger;
    const idsOfLog = rows.map(({ principal, draftId, eventId }) =>
      principal === "insieme:" ? draftId : `evt-${eventId}`,
    );
    trace.check(
      committed.map(({ id }) => id).join() === idsOfLog.join(),
      () => `${name} has ${committed.map(({ id }) => id).join()}, and the log ${idsOfLog.join()}`,
    );
    for (const [at, event] of committed.entries()) {
      const { eventId, type, payload } = rows[at]!;
      const same = event.committedId === eventId && event.type === type;
      trace.check(
        same && canonicalJson(event.payload as Json) === canonicalText(payload),
        () => `${name} has ${JSON.stringify(event)}`,
      );
    }
    for (const [id, outcome] of outcomes) {
      const isInLog = idsOfLog.includes(id);
      trace.check(outcome !== "open", () => `${name} does not know what became of ${id}`);
      trace.check(isInLog === (outcome === "committed"), () => `${id} is ${outcome}, and in the log: ${isInLog}`);
    }
    const own = idsOfLog.filter((id) => outcomes.has(id));
    trace.check(own.join() === own.toSorted().join(), () => `${name}: its drafts are in the log as ${own.join()}`);
  }

  #checkAccount(device: Device, { book, storage }: Account): void {
    const { trace } = this;
    const { ledger } = this.#server;
    const { name } = device;
    trace.check(storage.keys.length === 0, () => `${name} keeps ${storage.keys.join()}`);
    for (const { key, outcome } of book.entries) {
      trace.check(outcome !== "open" && outcome !== "parked", () => `${name}: nothing came of ${key}`);
      if (outcome !== "withdrawn") continue;
      trace.check(!ledger.rows.some(({ draftId }) => draftId === key), () => `${key} was withdrawn, and is in the log`);
    }
    if (!device.disturbed) this.#checkOrder(name, book);
  }

  /** Checks that each client has the presence of all others. */
  #checkPeers(device: Device): void {
    if (!device.presence) return;
    const hidden = this.#character.application.model.authors === "hidden";
    const shown = this.#devices
      .filter((other) => other !== device && other.presence && other.program!.shown !== null)
      .map(({ program }) => {
        const { client, shown, principal } = program!;
        const clientId = hidden ? "" : client.clientId;
        return `${clientId} ${this.#server.ledger.authorOf(principal)} ${canonicalJson(shown!)}`;
      });
    const seen = device.program!.client.peers.map(
      ({ clientId, author, state }) => `${clientId} ${author} ${canonicalJson(state)}`,
    );
    this.trace.check(
      seen.toSorted().join() === shown.toSorted().join(),
      () => `${device.name} sees ${seen.join()}, and not ${shown.join()}`,
    );
  }

  /** Checks that drafts of a device are in the log in order, except parked, withdrawn and discarded ones. */
  #checkOrder(name: string, book: Book): void {
    if (this.#forgets) return;
    let last = 0;
    for (const { draftId, eventId } of this.#server.ledger.rows) {
      const entry = book.byDraft(draftId);
      // What was lost with a storage or a sign-out may arrive later, from a connection that was slow.
      if (
        !entry ||
        entry.leaving ||
        entry.outcome === "expired" ||
        entry.outcome === "lost" ||
        entry.drafts.some(({ type }) => type === failingType)
      )
        continue;
      this.trace.check(entry.place >= last, () => `${name}: event ${eventId} was submitted before the one ahead of it`);
      last = entry.place;
    }
  }

  #line(what: string): void {
    this.trace.line(`${this.#schedule.now} ${what}`);
  }
}

/** Most devices have no token; some have one, and two of them the same principal. Some have two users. */
function authorsOf(at: number, random: Random): readonly (Author | undefined)[] {
  if (at === 0 || at > 3) return [undefined];
  const limited: Author = {
    principal: "user:limited",
    permissions: ["submit:add", "submit:take", "submit:set", "submit:treePush"],
  };
  const shared: Author = { principal: "user:shared", permissions: "all" };
  const own = at === 3 ? limited : shared;
  return random.chance(0.4) ? [own] : [own, { principal: "user:other", permissions: "all" }];
}
