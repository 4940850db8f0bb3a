import type { SocketEvents } from "../../../src/client/index.ts";
import { text, type TextEdit } from "../../../src/models/text/index.ts";
import { noLimits } from "../../../src/protocol/index.ts";
import { NaiveText } from "../../support/naive-follower.ts";
import { Connection, type NetworkConditions } from "../clients/connection.ts";
import { lineOf } from "../clients/line.ts";
import { Reporter } from "../clients/reporter.ts";
import { Server } from "../clients/server.ts";
import { DeviceStorage } from "../clients/storage.ts";
import { Random } from "../random.ts";
import { Schedule } from "../schedule.ts";
import { Trace } from "../trace.ts";
import { docs, TextProgram } from "./program.ts";

/** After the last fault everything must settle within this time, in milliseconds. */
const settlingMsMax = 5 * 60 * 1_000;
const settlingActMs = 1_000;
/** What is typed after the faults, while all have a selection: then the cursors of all are compared. */
const lastActs = 12;
/** Within this time all have the last presence of all, in milliseconds. */
const presenceMsMax = 3_000;
/** Client ids: ties go by them, and not by the order of arrival. */
const names = ["c", "a", "e", "b", "d"];

/** The parameters of a run, from its seed. */
function characterOf(random: Random) {
  const { often, timing, conditions } = lineOf(random);
  return {
    writers: random.between(2, 5),
    /** How many documents are edited: few of them, so that there are more ties. */
    docs: random.pick([1, 1, 2, 3]),
    timing,
    conditions,
    storeMsMax: random.pick([0, 10, 200]),
    actMsMax: random.pick([20, 200, 1_000]),
    faultIntervalMsMax: random.pick([500, 5_000]),
    deferMsMax: random.pick([0, 1, 30]),
    actions: {
      type: 10,
      paste: often(1),
      burst: often(1),
      atomic: often(1),
      sequential: often(1),
      undo: often(2),
      redo: often(1),
      select: 1,
      withdraw: often(0.8),
      network: often(0.8),
      pause: often(0.4),
      crash: often(0.4),
      close: often(0.2),
    },
    faults: { nothing: 1, cut: often(3), crash: often(1), hibernate: often(2) },
  };
}

/** A writer: what is stored, and the program that runs. */
interface Writer {
  readonly name: string;
  readonly principal: string;
  readonly storage: DeviceStorage;
  program: TextProgram | undefined;
  followers: TextProgram["followers"];
  isOnline: boolean;
  isPaused: boolean;
}

/**
 * One partition of texts, and 2 to 5 writers with the production client: they type at the same places, lose their networks,
 * and start again. One seed determines everything.
 */
export class TextsSimulation {
  readonly trace = new Trace();
  readonly #random: Random;
  readonly #schedule = new Schedule();
  readonly #character: ReturnType<typeof characterOf>;
  readonly #server: Server;
  readonly #writers: readonly Writer[];
  readonly #connections: Connection[] = [];
  readonly #logs = Object.fromEntries(docs.map((doc) => [doc, new NaiveText()])) as Record<string, NaiveText>;
  #phase: "faults" | "calm" | "last" = "faults";
  #lastActs = 0;

  constructor(seed: number) {
    const random = (this.#random = new Random(seed));
    this.#character = characterOf(random);
    const { writers, storeMsMax, deferMsMax } = this.#character;
    this.#server = new Server({
      model: text,
      trace: this.trace,
      schedule: this.#schedule,
      random,
      deferMsMax,
      limits: noLimits,
    });
    this.#server.ledger.onEvent = ({ eventId, clientId, payload }) => {
      const { doc, changes } = JSON.parse(payload) as TextEdit;
      this.#logs[doc]!.add(eventId, clientId, changes);
    };
    this.#writers = names.slice(0, writers).map((name, at) => ({
      name,
      // The first two are devices of one user.
      principal: `user:${at < 2 ? "both" : name}`,
      storage: new DeviceStorage({
        random,
        schedule: this.#schedule,
        latencyMsMax: storeMsMax,
        position: () => undefined,
        onOpened: () => {},
        onLoaded: () => {},
      }),
      program: undefined,
      followers: {},
      isOnline: true,
      isPaused: false,
    }));
  }

  /** Runs `steps` steps with faults, and then until all is settled. `turn` runs the microtasks of the clients. */
  async run(steps: number, turn: () => Promise<void>): Promise<void> {
    const { trace } = this;
    for (const writer of this.#writers) {
      this.#start(writer);
      this.#keepActing(writer);
    }
    this.#keepInjectingFaults();
    for (let step = 0; step < steps && trace.violation === undefined; step++) await this.#step(turn);
    if (trace.violation === undefined) this.#calm();
    await this.#settle(turn);
    if (trace.violation === undefined) this.#selectAll();
    await this.#settle(turn);
    const until = this.#schedule.now + presenceMsMax;
    while (trace.violation === undefined && this.#schedule.now < until) await this.#step(turn);
    if (trace.violation === undefined) this.#checkEnd();
    this.#server.disk.disk.close();
  }

  async #settle(turn: () => Promise<void>): Promise<void> {
    const { trace } = this;
    const until = this.#schedule.now + settlingMsMax;
    while (trace.violation === undefined && !this.#isSettled && this.#schedule.now < until) await this.#step(turn);
    trace.check(this.#isSettled, () => `${settlingMsMax} ms after the last fault: ${this.#describe()}`);
  }

  get #isSettled(): boolean {
    const { ledger, host } = this.#server;
    if (!host.idle || (this.#phase === "last" && this.#lastActs > 0)) return false;
    return this.#writers.every(({ program, storage }) => {
      const isDone = program && !program.isClosing && program.isSettledAt(ledger.head);
      return isDone && program.client.parked.length === 0 && storage.keys.length === 0;
    });
  }

  #describe(): string {
    return this.#writers
      .map(({ program, storage }) => `${program?.describe() ?? "off"}, and ${storage.keys.length} are kept`)
      .join("; ");
  }

  async #step(turn: () => Promise<void>): Promise<void> {
    this.#schedule.step();
    const { host } = this.#server;
    if (host.alarmDue) host.alarm();
    await turn();
    host.look();
    for (const { program } of this.#writers) program?.check();
  }

  #keepActing(writer: Writer): void {
    const isCalm = this.#phase === "calm";
    this.#schedule.after(isCalm ? settlingActMs : this.#random.between(1, this.#character.actMsMax), () => {
      if (!writer.program) {
        if (this.#phase !== "faults" || this.#random.chance(0.3)) this.#start(writer);
      } else if (!writer.program.isClosing) this.#act(writer, writer.program);
      this.#keepActing(writer);
    });
  }

  #act(writer: Writer, program: TextProgram): void {
    const random = this.#random;
    const doc = random.pick(docs.slice(0, this.#character.docs));
    // What nobody knows any more what it was made on is kept for its user, who gives it up here.
    for (const { key } of program.client.parked) program.client.discard(key);
    if (this.#phase === "calm" || !program.client.loaded) return;
    if (this.#phase === "last") {
      if (this.#lastActs-- > 0) program.type("a");
      return;
    }
    const action = random.weighted(this.#character.actions);
    switch (action) {
      case "type":
        program.type(doc);
        return;
      case "paste":
        program.type(doc, true);
        return;
      case "burst":
        for (let left = random.between(2, 15); left > 0; left--) program.type(doc);
        return;
      case "atomic":
      case "sequential":
        program.batch(action);
        return;
      case "undo":
      case "redo":
        program.revert(action, doc);
        return;
      case "select":
        program.select(doc);
        return;
      case "withdraw":
        void program.withdraw();
        return;
      case "network":
        this.#network(writer, !writer.isOnline);
        return;
      case "pause":
        this.#pause(writer, !writer.isPaused);
        return;
      case "crash":
        program.crash();
        this.#ended(writer, program);
        return;
      case "close":
        void program.close().then(() => this.#ended(writer, program));
    }
  }

  #ended(writer: Writer, { followers }: TextProgram): void {
    writer.program = undefined;
    writer.followers = followers;
  }

  #start(writer: Writer): void {
    const { name, principal, storage, followers } = writer;
    const program = new TextProgram({
      name,
      principal,
      schedule: this.#schedule,
      random: this.#random,
      reporter: new Reporter(name, this.#schedule, this.trace),
      timing: this.#character.timing,
      storage,
      logs: this.#logs as ConstructorParameters<typeof TextProgram>[0]["logs"],
      followers,
      connect: (events) => this.#connect(writer, events),
    });
    writer.program = program;
    writer.isPaused = false;
    if (!writer.isOnline) program.ports.reachability?.offline();
  }

  #connect(writer: Writer, events: SocketEvents): Connection {
    const connection = new Connection({
      name: `${writer.name}#${this.#connections.length}`,
      random: this.#random,
      schedule: this.#schedule,
      trace: this.trace,
      conditions: this.#character.conditions,
      events,
      tamper: (frame) => frame,
      onDamaged: () => {},
    });
    this.#connections.push(connection);
    const { principal } = writer;
    this.#schedule.after(this.#random.between(0, this.#character.conditions.latencyMsMax), () => {
      if (!writer.isOnline) connection.heal();
      else {
        const author = { principal, permissions: "all" as const };
        const { host } = this.#server;
        void host.accept(connection, { principal, author, awaitsToken: false }, () => connection.opened());
      }
    });
    return connection;
  }

  #network(writer: Writer, isOnline: boolean): void {
    writer.isOnline = isOnline;
    writer.program?.network(isOnline);
  }

  #pause(writer: Writer, isPaused: boolean): void {
    writer.isPaused = isPaused;
    writer.program?.client[isPaused ? "pause" : "resume"]();
  }

  #keepInjectingFaults(): void {
    this.#schedule.after(this.#random.between(1, this.#character.faultIntervalMsMax), () => {
      if (this.#phase !== "faults") return;
      const { host } = this.#server;
      switch (this.#random.weighted(this.#character.faults)) {
        case "cut":
          this.#random.pick([...this.#connections.slice(-6), undefined])?.cut();
          break;
        case "crash":
          host.crash();
          break;
        case "hibernate":
          if (host.idle) host.hibernate();
      }
      this.#keepInjectingFaults();
    });
  }

  #calm(): void {
    this.trace.line(`${this.#schedule.now} calm`);
    this.#phase = "calm";
    const { conditions } = this.#character;
    Object.assign(conditions, { stallMsMax: 0, unnoticed: 0 } satisfies Partial<NetworkConditions>);
    conditions.faults = { drop: 0, duplicate: 0, truncate: 0, stall: 0 };
    for (const connection of this.#connections) connection.heal();
    for (const writer of this.#writers) {
      this.#network(writer, true);
      this.#pause(writer, false);
    }
  }

  /** All have a selection in one document, and type on. */
  #selectAll(): void {
    this.#phase = "last";
    this.#lastActs = lastActs;
    for (const { program } of this.#writers) program!.select("a");
  }

  #checkEnd(): void {
    const { trace } = this;
    this.#server.ledger.observeAll();
    const programs = this.#writers.map(({ program }) => program!);
    for (const program of programs) {
      for (const doc of docs) {
        const { shown } = program.editors[doc];
        const expected = this.#logs[doc]!.end;
        trace.check(shown === expected, () => `${program.name} ends with ${shown}, and the log with ${expected}`);
      }
      const shown = Object.fromEntries(
        program.editors.a.document.cursors.map(({ more, anchor, head }) => [more!["name"], { anchor, head }]),
      );
      const expected = Object.fromEntries(
        programs.filter((other) => other !== program).map(({ name, editors }) => [name, editors.a.selection]),
      );
      const [one, other] = [shown, expected].map((cursors) => JSON.stringify(Object.entries(cursors).toSorted()));
      trace.check(one === other, () => `${program.name} shows the cursors ${one}, and they are ${other}`);
    }
  }
}
