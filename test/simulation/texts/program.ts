import { ChangeSet } from "@codemirror/state";
import { type Client, createClient, type SocketEvents, type Timing } from "../../../src/client/index.ts";
// Loaded before the first client needs it, so that its time is the same in each run.
import "../../../src/client/api/base-keeper.ts";
import "../../../src/client/api/merging.ts";
import "../../../src/client/api/rarely.ts";
import "../../../src/client/stores/resilient.ts";
import "../../../src/client/sync/presence.ts";
import "../../../src/client/sync/rarely.ts";
import "../../../src/client/sync/selective.ts";
import "../../../src/client/sync/tokens.ts";
import { editOf, text } from "../../../src/models/text/index.ts";
import type { NaiveFollower, NaiveText } from "../../support/naive-follower.ts";
import { Typist, type TypingDevice } from "../../support/typist.ts";
import type { Connection } from "../clients/connection.ts";
import { ProgramPorts } from "../clients/ports.ts";
import type { Reporter } from "../clients/reporter.ts";
import type { DeviceStorage } from "../clients/storage.ts";
import { partitionName } from "../host.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";

/** The documents of the partition. */
export const docs = ["a", "b", "c"] as const;
type Doc = (typeof docs)[number];

/** What is typed: characters of one unit, of two, of several that are shown as one, and marks that join the one before. */
const words = ["x", "y", "word ", "\n", "é", "e\u0301", "\u0301", "😀", "👩‍👩‍👧", "two\nlines"];

/** The parts of a program. */
export interface ProgramParts {
  readonly name: string;
  readonly principal: string;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly reporter: Reporter;
  readonly timing: Timing;
  readonly storage: DeviceStorage;
  readonly logs: Readonly<Record<Doc, NaiveText>>;
  /** What has followed the program before it. */
  readonly followers: Partial<Record<Doc, NaiveFollower>>;
  connect(events: SocketEvents): Connection;
}

/** A program with the production client, and an editor for each document. */
export class TextProgram implements TypingDevice {
  readonly name: string;
  readonly client: Client<any, any, any>;
  readonly ports: ProgramPorts;
  readonly editors: Readonly<Record<Doc, Typist<TextProgram>>>;
  readonly #parts: ProgramParts;
  #connection: Connection | undefined;
  #isDead = false;
  isClosing = false;

  constructor(parts: ProgramParts) {
    const { name, principal, schedule, random, reporter, timing, storage, logs, followers } = parts;
    this.name = name;
    this.#parts = parts;
    this.ports = new ProgramPorts({
      schedule,
      random,
      delay: () => random.next(),
      skewMs: () => 0,
      open: (events) => {
        if (this.#isDead) return { send: () => {}, close: () => {} };
        const connection = parts.connect({
          opened: () => this.#isDead || events.opened(),
          received: (frame) => this.#isDead || events.received(frame),
          closed: (code, reason) => this.#isDead || events.closed(code, reason),
        });
        return (this.#connection = connection);
      },
    });
    const claims = Buffer.from(JSON.stringify({ sub: principal })).toString("base64url");
    this.client = createClient({
      url: "https://simulated.example",
      partition: partitionName.partition,
      model: text,
      store: storage.open,
      clientId: name,
      principal,
      token: () => `header.${claims}.signature`,
      presence: true,
      timing,
      ports: this.ports,
    });
    reporter.line("starts");
    this.client.on("status", ({ status, reason }) => reporter.line(`is ${status}: ${reason}`));
    this.client.on("rejected", ({ verdict }) => reporter.violated(`a draft was rejected: ${JSON.stringify(verdict)}`));
    this.editors = Object.fromEntries(
      docs.map((doc) => {
        const editor = new Typist<TextProgram>(this, { doc, presence: true });
        editor.follow(logs[doc], followers[doc]);
        return [doc, editor];
      }),
    ) as typeof this.editors;
  }

  /** Whether it shows all that there is, and has nothing to send. */
  isSettledAt(head: number): boolean {
    const { status, pending, eventId } = this.client;
    return status.status === "online" && pending.length === 0 && eventId === head;
  }

  describe(): string {
    const { status, pending, eventId } = this.client;
    return `${this.name} is ${status.status} (${status.reason}) at ${eventId}, with ${pending.length} pending`;
  }

  /** Types, or deletes, at a random place. */
  type(doc: Doc, isLong = false): void {
    const { random, reporter } = this.#parts;
    const editor = this.editors[doc];
    // Often at the beginning or the end, where others type, too.
    const { length } = editor.shown;
    const at = random.chance(0.3) ? random.pick([0, length]) : random.between(0, length);
    const deleted = random.chance(length > 150 ? 0.8 : 0.4) ? random.between(1, isLong ? 60 : 6) : 0;
    const insert = deleted > 0 && random.chance(0.6) ? "" : random.pick(words).repeat(isLong ? 20 : 1);
    reporter.line(`in ${doc} at ${at}: deletes ${deleted}, inserts ${JSON.stringify(insert)}`);
    editor.type(at, insert, deleted);
  }

  /** Changes several documents at once. */
  batch(mode: "atomic" | "sequential"): void {
    const { random, reporter } = this.#parts;
    const chosen = docs.filter(() => random.chance(0.6));
    if (chosen.length === 0) return;
    const edits = chosen.map((doc) => {
      const { length } = this.editors[doc].shown;
      const changes = ChangeSet.of({ from: random.pick([0, length]), insert: random.pick(["B", "😀"]) }, length);
      return { type: "edit" as const, payload: editOf(doc, changes) };
    });
    reporter.line(`a batch (${mode}) in ${chosen.join()}`);
    this.#changing(() => void this.client.submitBatch(mode, edits).catch(() => {}));
  }

  revert(what: "undo" | "redo", doc: Doc): void {
    this.#parts.reporter.line(`${what} in ${doc}`);
    this.editors[doc].change(() => this.editors[doc].document[what]());
  }

  select(doc: Doc): void {
    const { random } = this.#parts;
    const editor = this.editors[doc];
    const at = random.between(0, editor.shown.length);
    editor.select(at, random.chance(0.5) ? at : random.between(0, editor.shown.length));
  }

  async withdraw(): Promise<void> {
    const { random, reporter } = this.#parts;
    const { pending } = this.client;
    if (pending.length === 0) return;
    const { key } = random.pick(pending);
    reporter.line(`withdraws ${key}`);
    const ends = Object.values(this.editors).map((editor) => editor.withdraws());
    await this.client.withdraw(key).catch(() => {});
    for (const end of ends) end();
  }

  /** Compares what it shows with the reference. */
  check(): void {
    if (this.#isDead || this.isClosing) return;
    for (const editor of Object.values(this.editors)) {
      try {
        editor.check();
      } catch (error) {
        this.#parts.reporter.violated(`${editor.document.doc}: ${(error as Error).message}`);
      }
    }
  }

  network(isOnline: boolean): void {
    this.#parts.reporter.line(`its network ${isOnline ? "comes back" : "goes"}`);
    if (!isOnline) this.#connection?.cut();
    this.ports.reachability?.[isOnline ? "online" : "offline"]();
  }

  /** The process ends. */
  crash(): void {
    const { reporter, storage } = this.#parts;
    reporter.line("crashes");
    this.check();
    this.#end(storage.isIdle);
    storage.crash();
  }

  /** The application closes the client. */
  async close(): Promise<void> {
    this.#parts.reporter.line("closes");
    this.isClosing = true;
    await this.client.close();
    this.#end(true);
  }

  /** What goes on with the next program. */
  get followers(): Partial<Record<Doc, NaiveFollower>> {
    return Object.fromEntries(docs.map((doc) => [doc, this.editors[doc].follower!]));
  }

  #changing(make: () => void): void {
    const editors = Object.values(this.editors);
    const changeAll = editors.reduceRight<() => void>((inner, editor) => () => editor.change(inner), make);
    changeAll();
  }

  #end(isStored: boolean): void {
    this.#isDead = true;
    for (const { follower } of Object.values(this.editors)) follower!.ended(this.client.eventId, isStored);
    this.ports.end();
    this.#connection?.cut();
  }
}
