import { type Author, bounds, type Limits, noLimits } from "../../src/protocol/index.ts";
import { complete, type Folding, Partition, rejectionRetentionMs } from "../../src/core/index.ts";
import type { Revocation } from "../../src/platform/rpc.ts";
import type { EventRow } from "../../src/storage/port.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import { bytesPort, hmac, migrations, sha256 } from "../support/partition.ts";
import { Caller } from "./caller.ts";
import { Client } from "./client.ts";
import { type Disk, faults, FaultyDisk, MemoryDisk } from "./disk.ts";
import { type Application, partitionApplications } from "./drafts.ts";
import { Host, lagMsMax, partitionName } from "./host.ts";
import { canonicalText, Ledger } from "./ledger.ts";
import { Issuer } from "./issuer.ts";
import { Link } from "./link.ts";
import { lowerBounds } from "./lowered.ts";
import { Random } from "./random.ts";
import { Reader } from "./reader.ts";
import { Schedule } from "./schedule.ts";
import { Tenancy } from "./tenant.ts";
import { Trace } from "./trace.ts";

/** Steps within which everything has to settle after the last fault. */
const settlingStepsMax = 40_000;
/** How long an event stays damaged, at most, and when the next one is. */
const damagedMsMax = 1_000;
const damageEveryMs = [50, 2_000] as const;
const dayMs = 24 * 60 * 60 * 1_000;

/** The principal of a token that is used after its revocation, too. */
const thief = "user:thief";
/** After this time without use no partition is subscribed any more: longer than tokens and subscriptions last. */
const unsubscribedMs = 3 * 60 * 60 * 1_000;

/** What is not as it should be: where a planted bug gets in. */
export interface Variant {
  disk?: () => Disk;
}

/** After this time a hold of the inventory has expired. */
const dueMs = [11 * 60 * 1_000];

/** What a seed makes of a run. Each run has another mixture, so that calm and storm both go deep. */
function characterOf(random: Random) {
  const often = (most: number) => (random.chance(0.35) ? 0 : random.next() * most);
  return {
    clients: random.between(3, 6),
    application: random.pick<Application>(partitionApplications),
    actMsMax: random.pick([10, 40, 120]),
    deferMsMax: random.pick([0, 1, 30]),
    batchMax: random.chance(0.1) ? 100 : 12,
    /** Now and then a log that is long enough for a snapshot. */
    bulk: random.chance(0.04) ? 3 : 0,
    /** Now and then a flood that the queue cannot hold. */
    flood: random.chance(0.02) ? random.pick(["drafts", "heartbeats"] as const) : undefined,
    weather: { latencyMsMax: random.pick([0, 5, 60]), noticeMsMax: random.pick([0, 20, 300]) },
    /** Half of the runs have a tenant and tokens: how long these are good, in milliseconds. */
    tokenMs: random.chance(0.5) ? random.pick([300, 2_000, 20_000, 3_600_000]) : undefined,
    /** How likely a call to the tenant fails. */
    failing: random.pick([0, 0, 0.1, 0.5]),
    readers: random.pick([0, 0, 1, 3]),
    slowMsMax: random.pick([10, 500, 10_000]),
    stormMsMax: random.pick([30, 100, 400]),
    storm: {
      nothing: 1,
      fault: often(6),
      cut: often(2),
      crash: often(1),
      hibernate: often(3),
      jump: often(1),
      read: often(1),
      revoke: often(2),
      theft: often(0.5),
      drain: often(0.5),
      nap: often(2),
    },
  };
}

/** Every fourth run has a rate of reads that is low enough to matter, every eighth a log that becomes full. */
function limitsOf(seed: number): Limits {
  if (seed % 8 === 3) return { ...noLimits, logBytes: 20_000 + 1_000 * (seed % 50) };
  return seed % 4 === 1 ? { ...noLimits, reads: { perSecond: 100 + (seed % 50), burst: 20 } } : noLimits;
}

/** In every third run a log of some events is too long to be folded at once. */
function foldingOf(seed: number): Folding | undefined {
  if (seed % 3 !== 1) return undefined;
  const slice = (events: number) => ({ events, bytes: 2_000, work: 1_000 });
  return { load: slice(seed % 40), turn: slice(1 + (seed % 8)), slicesMax: 1 + (seed % 4) };
}

/** One partition, its clients, and all that may happen to them, out of one seed. */
export class World {
  readonly trace = new Trace();
  readonly #random: Random;
  /** In every fifth run events are damaged; undefined: none. Of its own, so that the other runs are as they would be without it. */
  readonly #damages: Random | undefined;
  readonly #schedule = new Schedule();
  readonly #character: ReturnType<typeof characterOf>;
  readonly #disk: FaultyDisk;
  readonly #ledger: Ledger;
  readonly #host: Host;
  /** Both undefined in a run without tokens. */
  readonly #issuer: Issuer | undefined;
  readonly #tenancy: Tenancy | undefined;
  /** Principals of whose tokens the partition knows that they are revoked. */
  readonly #blocked = new Set<string>();
  /** Whether timers hold the partition's clock back. */
  readonly #clamped: boolean;
  readonly #lateAlarms: boolean;
  readonly #readers: Reader[];
  readonly #clients: Client[];
  readonly #caller: Caller;
  /** Goes on with a token that was revoked; undefined: there is none. */
  readonly #thief: Caller | undefined;
  readonly #links = new Set<Link>();
  readonly #limits: Limits;
  /** The bytes of the log, and the batch of its last event. */
  #logBytes = 0;
  #batchEnd: number | undefined;
  #calm = false;
  /** Whether rejections were forgotten: then what was rejected before its client knew may come later than its place. */
  #forgets = false;
  #connections = 0;

  constructor(seed: number, variant: Variant) {
    // In every fourth run what is outstanding reaches its bounds.
    lowerBounds(seed % 4 === 2, seed % 2 === 0 || foldingOf(seed) !== undefined);
    this.#clamped = seed % 4 === 2;
    this.#lateAlarms = seed % 4 === 1;
    this.#random = new Random(seed);
    if (seed % 5 === 0) this.#damages = new Random(seed + 1);
    this.#character = characterOf(this.#random);
    if (this.#lateAlarms) this.#character.storm.jump++;
    const { application, clients, batchMax, bulk, flood, deferMsMax } = this.#character;
    this.#disk = new FaultyDisk((variant.disk ?? (() => new MemoryDisk()))(), (fault) => {
      this.trace.line(`${this.#schedule.now} fault: ${fault}`);
      this.#host.struck(fault);
    });
    this.#ledger = new Ledger(this.#disk.disk, application.model, this.trace, () => this.#schedule.serverNow);
    const { tokenMs, failing, readers, slowMsMax } = this.#character;
    const issuer = tokenMs === undefined ? undefined : new Issuer(this.#schedule, this.#random, tokenMs);
    this.#issuer = issuer;
    this.#tenancy =
      issuer &&
      new Tenancy({
        schedule: this.#schedule,
        random: this.#random,
        failing,
        push: (changes) => this.#host.tenantChanged(changes),
        known: ({ revocations }) => this.#known(revocations),
      });
    this.#limits = limitsOf(seed);
    this.#ledger.onEvent = (row) => {
      // A drain that could not be stored does not hold back what the partition does by itself.
      const drained = this.#host.drained && !row.principal.startsWith("timer:");
      this.trace.check(!drained, () => `event ${row.eventId} is accepted while the partition is drained`);
      this.#checkRight(row);
      this.#checkRoom(row);
    };
    this.#host = new Host({
      limits: this.#limits,
      folding: foldingOf(seed),
      model: application.model,
      effects: application.effects,
      disk: this.#disk,
      ledger: this.#ledger,
      trace: this.trace,
      schedule: this.#schedule,
      random: this.#random,
      deferMsMax,
      clamped: this.#clamped,
      ...(issuer && { tenant: this.#tenancy!.api, verify: (token, now) => issuer.verify(token, now) }),
    });
    this.#clients = Array.from({ length: clients }, (_, at) => {
      const principal = this.#principalOf(at);
      return new Client({
        name: `c${at}`,
        principal,
        application,
        schedule: this.#schedule,
        random: this.#random,
        ledger: this.#ledger,
        trace: this.trace,
        batchMax,
        bulk,
        flood: at === 0 ? flood : undefined,
        open: (client) => this.#open(client, at),
        newToken: issuer && (() => this.#newToken(principal!)),
      });
    });
    const principal = this.#principalOf(1)!;
    this.#caller = new Caller({
      name: "http",
      principal,
      random: this.#random,
      ledger: this.#ledger,
      trace: this.trace,
      propose: () => application.propose(this.#random, this.#ledger.head),
      another: () => this.#clients[1]!.queue.anyDecidedDraft(this.#random),
      request: (draft, done) => this.#host.request(this.#authorOf(1)!, "http", draft, done),
    });
    const stolen = issuer && this.#random.chance(0.5) ? issuer.issue(thief, 400 * dayMs) : undefined;
    this.#thief =
      stolen === undefined
        ? undefined
        : new Caller({
            name: "thief",
            principal: thief,
            random: this.#random,
            ledger: this.#ledger,
            trace: this.trace,
            propose: () => application.propose(this.#random, this.#ledger.head),
            another: () => undefined,
            request: (draft, done) => this.#host.request(issuer!.authorOf(stolen), "thief", draft, done),
          });
    this.#readers = Array.from(
      { length: readers },
      (_, at) =>
        new Reader({
          name: `reader${at}`,
          schedule: this.#schedule,
          random: this.#random,
          ledger: this.#ledger,
          trace: this.trace,
          slowMsMax,
          open: (reader, since) => {
            const author = this.#authorOf(at) ?? { principal: "dev:reader", permissions: "all" };
            void this.#host.stream(author, reader.name, since, (body) => reader.opened(body));
          },
        }),
    );
  }

  /** Runs `steps` steps of storm, and then until all is settled. `turn` lets what was promised come about. */
  async run(steps: number, turn: () => Promise<void>): Promise<void> {
    const { trace } = this;
    trace.line(`a ${this.#character.application.name} partition with ${this.#character.clients} clients`);
    for (const client of this.#clients) this.#keepActing(client);
    if (this.#random.chance(0.6)) this.#keepActing(this.#caller);
    for (const reader of this.#readers) this.#keepActing(reader);
    if (this.#thief) this.#keepActing(this.#thief);
    this.#keepStorming();
    if (this.#damages) this.#keepDamaging(this.#damages);
    for (let step = 0; step < steps && trace.violation === undefined; step++) await this.#step(turn);
    this.#calm = true;
    this.#disk.disarm();
    this.#tenancy?.calm();
    if (this.#issuer) this.#issuer.lifetimeMs = 365 * dayMs;
    trace.line(`${this.#schedule.now} calm`);
    let left = settlingStepsMax;
    while (trace.violation === undefined && !this.#settled() && left-- > 0) await this.#step(turn);
    if (trace.violation === undefined) await this.#checkEnd();
    this.#disk.disk.close();
  }

  #settled(): boolean {
    const quiet = this.#caller.settled && this.#clients.every(({ settled }) => settled);
    return quiet && this.#readers.every(({ settled }) => settled) && this.#host.idle && !this.#timersAreDue;
  }

  /** In a full log they wait. */
  get #timersAreDue(): boolean {
    const full = this.#logBytes >= (this.#limits.logBytes ?? Number.POSITIVE_INFINITY);
    return !full && this.#ledger.timers.due(this.#schedule.serverNow) > 0;
  }

  async #step(turn: () => Promise<void>): Promise<void> {
    this.#schedule.step();
    // In some runs alarms come late, so that drafts overtake what they are for.
    const late = this.#lateAlarms && !this.#calm && this.#random.chance(0.9);
    if (this.#host.alarmDue && !late) {
      // An alarm is rare, and a fault in it rarer.
      const faulty = !this.#calm && this.#character.storm.fault > 0 && this.#random.chance(0.3);
      if (faulty) this.#disk.arm(this.#random.pick(faults), this.#random.between(0, 6), this.#random.between(1, 2));
      this.#host.alarm();
    }
    await turn();
    this.#host.look();
  }

  #keepActing(client: Client | Caller | Reader): void {
    this.#schedule.after(this.#random.between(1, this.#character.actMsMax), () => {
      if (this.#calm && client === this.#thief) return;
      if (this.#calm) client.settle();
      else client.act();
      this.#keepActing(client);
    });
  }

  #keepStorming(): void {
    this.#schedule.after(this.#random.between(1, this.#character.stormMsMax), () => {
      if (this.#calm) return;
      this.#storm();
      this.#keepStorming();
    });
  }

  #storm(): void {
    const random = this.#random;
    switch (random.weighted(this.#character.storm)) {
      case "nothing":
        return;
      case "fault":
        this.#disk.arm(random.pick(faults), random.between(0, 8), random.chance(0.7) ? 1 : random.between(2, 6));
        return;
      case "cut":
        random.pick([...this.#links, undefined])?.cut();
        return;
      case "crash":
        this.#host.crash();
        return;
      case "hibernate":
        if (this.#host.idle) this.#host.hibernate();
        return;
      case "jump":
        // Where alarms come late, to the times at which timers are due.
        this.#jump(random.pick(this.#lateAlarms ? dueMs : [-dayMs, -1_000, -1, 1, 1_000, ...dueMs, 31 * dayMs]));
        return;
      case "read":
        void this.#host.readState();
        return;
      case "revoke":
        this.#revoke();
        return;
      case "theft":
        this.#revokeLate();
        return;
      case "nap":
        for (let left = 5; left > 0; left--) {
          this.#schedule.after(random.between(1, 40), () => {
            if (this.#host.idle) this.#host.hibernate();
          });
        }
        return;
      case "drain":
        this.#host.drain(random.between(0, 3));
    }
  }

  #keepDamaging(random: Random): void {
    this.#schedule.after(random.between(...damageEveryMs), () => {
      if (this.#calm) return;
      this.#damage(random);
      this.#keepDamaging(random);
    });
  }

  /** An event can no longer be read, until it is restored from a copy: meanwhile nobody may get what is wrong. */
  #damage(random: Random): void {
    const { head } = this.#ledger;
    if (head === 0 || this.#disk.damagedEvent !== undefined) return;
    const eventId = random.between(1, head);
    this.trace.line(`${this.#schedule.now} event ${eventId} is damaged`);
    this.#disk.damagedEvent = eventId;
    if (random.chance(0.7)) this.#host.crash();
    this.#schedule.after(random.between(1, damagedMsMax), () => {
      this.trace.line(`${this.#schedule.now} event ${eventId} is restored`);
      this.#disk.damagedEvent = undefined;
      // What was found to be damaged is looked at again by the next lifetime of the object.
      this.#host.crash();
    });
  }

  #jump(byMs: number): void {
    this.#schedule.skewMs += byMs;
    if (byMs > rejectionRetentionMs) this.#forgets = this.#ledger.timers.forgets = true;
    this.trace.line(`${this.#schedule.now} the clock jumps to ${this.#schedule.serverNow}`);
    this.#host.clockJumped();
  }

  #open(client: Client, at: number): { link: Link; token: string | undefined } {
    const link = new Link(
      `${client.name}#${++this.#connections}`,
      this.#random,
      this.#schedule,
      this.#character.weather,
    );
    this.#links.add(link);
    if (this.#links.size > 2 * this.#clients.length) this.#links.delete([...this.#links][0]!);
    const principal = this.#principalOf(at);
    const token = this.#issuer && this.#random.chance(0.4) ? this.#tokenOf(principal!) : undefined;
    const author = token === undefined ? this.#authorOf(at) : undefined;
    void this.#host.accept(link, { principal, author, awaitsToken: token !== undefined }, () => client.opened(link));
    return { link, token };
  }

  /** The verified principal of a client; undefined: `connect` names it. */
  #principalOf(at: number): string | undefined {
    return this.#issuer ? `user:${at === 2 ? 1 : at}` : openAuthorOf(at)?.principal;
  }

  #authorOf(at: number): Author | undefined {
    return this.#issuer ? this.#issuer.authorOf(this.#tokenOf(this.#principalOf(at)!)) : openAuthorOf(at);
  }

  #tokenOf(principal: string): string {
    return this.#issuer!.isRevoked(principal) ? this.#newToken(principal) : this.#issuer!.tokenOf(principal);
  }

  #newToken(principal: string): string {
    this.#blocked.delete(principal);
    return this.#issuer!.issue(principal);
  }

  /** All tokens that a principal has are revoked. */
  #revoke(): void {
    if (!this.#issuer) return;
    const victim = this.#principalOf(this.#random.between(0, this.#clients.length - 1))!;
    const principal = this.#thief?.waiting === false && this.#random.chance(0.5) ? thief : victim;
    this.trace.line(`${this.#schedule.now} the tokens of ${principal} are revoked`);
    this.#tenancy!.revoke(principal, this.#issuer.revoke(principal));
  }

  /** The stolen token is revoked when the tenant has no reason to notify the partition, and is used at once. */
  #revokeLate(): void {
    // A request that was sent before the revocation may be decided.
    if (!this.#thief || this.#thief.waiting || this.#issuer!.isRevoked(thief)) return;
    this.#jump(unsubscribedMs);
    this.trace.line(`${this.#schedule.now} the stolen token is revoked`);
    this.#tenancy!.revoke(thief, this.#issuer!.revoke(thief));
    this.#thief.act();
  }

  /** The partition knows of revocations: no draft of the principals that they concern is accepted from here on. */
  #known(revocations: readonly Revocation[]): void {
    // Another revocation, which revokes a newer token, may be on its way.
    for (const { id, at } of revocations) if (this.#issuer!.isNewestUpTo(id, at)) this.#blocked.add(id);
  }

  /** Whether there was room for a new event. An atomic batch is not parted. */
  #checkRoom({ eventId, batchEnd, payloadBytes }: EventRow): void {
    if (batchEnd === undefined || batchEnd !== this.#batchEnd) {
      const most = this.#limits.logBytes ?? Number.POSITIVE_INFINITY;
      this.trace.check(this.#logBytes < most, () => `event ${eventId} is in a log that has ${this.#logBytes} bytes`);
    }
    this.#batchEnd = batchEnd;
    this.#logBytes += payloadBytes + bounds.eventRowBytes;
  }

  /** Whether the principal of a new event had the right to it. */
  #checkRight({ principal, eventId }: EventRow): void {
    if (!this.#issuer || principal.startsWith("timer:")) return;
    this.trace.check(!this.#blocked.has(principal), () => `event ${eventId} is of ${principal}, who is revoked`);
    // Where the tenant notifies the partition of nothing any more, the partition has to ask.
    const asked = this.#tenancy!.notifies || this.#tenancy!.unreached;
    const unknown = principal !== thief || !this.#issuer.isRevoked(thief) || asked;
    this.trace.check(unknown, () => `event ${eventId} is of a token that is revoked, and nobody asked`);
    const lagMs = this.#clamped ? lagMsMax : 0;
    const good = this.#issuer.mayBeGood(principal, this.#schedule.serverNow - lagMs);
    this.trace.check(good, () => `event ${eventId} is of ${principal}, whose tokens have expired`);
  }

  async #checkEnd(): Promise<void> {
    const ledger = this.#ledger;
    const { trace } = this;
    trace.check(this.#host.idle, () => "something keeps the object awake");
    for (const reader of this.#readers) {
      trace.check(reader.settled, () => `after ${settlingStepsMax} quiet steps: ${reader.describe()}`);
    }
    for (const client of this.#clients) {
      trace.check(client.settled, () => `after ${settlingStepsMax} quiet steps: ${client.describe()}`);
    }
    trace.check(!this.#timersAreDue, () => "timers are due, and do not fire");
    if (trace.violation !== undefined) return;
    ledger.observeAll();
    ledger.timers.check();
    trace.check(ledger.stateAt(ledger.head) === ledger.state, () => "the log folds to two states");
    await this.#host.readState();
    this.#host.checkAlarm();
    for (const client of this.#clients) {
      trace.check(client.replica.state === ledger.state, () => `${client.name} has another state than the server`);
      this.#checkDecisions(client);
    }
    const { application } = this.#character;
    const again = complete(
      new Partition(partitionName, application.model, {
        storage: new PartitionStorage(this.#disk.disk, migrations, bytesPort),
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
  }

  /** What was reported to a client is what is in the log, in the order in which it was submitted. */
  #checkDecisions(client: Client): void {
    const ledger = this.#ledger;
    for (const [key, { eventId }] of client.queue.decisions) {
      if (ledger.isForgotten(client.principal, key)) continue;
      const row = ledger.event(client.principal, key);
      const batch = client.queue.isBatch(key);
      this.trace.check(
        batch || row?.eventId === eventId,
        () => `${key} was reported as ${eventId}, and is ${row?.eventId}`,
      );
    }
    if (this.#forgets) return;
    let last = 0;
    for (const { key, eventId } of client.queue.eventsInOrder()) {
      this.trace.check(eventId > last, () => `${key} is event ${eventId}, but was submitted after event ${last}`);
      last = eventId;
    }
  }
}

/** In a run without tokens most clients are open ones; some have a token, and two of them the same principal. */
function openAuthorOf(at: number): Author | undefined {
  if (at === 1 || at === 2) return { principal: "user:shared", permissions: "all" };
  if (at === 3) return { principal: "user:limited", permissions: ["submit:add", "submit:set", "submit:treePush"] };
  return undefined;
}
