import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { exportJWK, generateKeyPair } from "jose";
import { type AuditKeys, auditKeysOf } from "../../src/identity/audit-keys.ts";
import { type AnyModel, defineModel } from "../../src/model/index.ts";
import { type AuditedEvent, checkEntry } from "../../src/models/ledger/index.ts";
import type { Author } from "../../src/protocol/index.ts";
import { BilledDriver } from "../bench/billed-driver.ts";
import { TestShell } from "../support/shell.ts";

const segment = 1_024;
const context = { traceId: "f".repeat(32) };
const modelWith = (more: object): AnyModel =>
  defineModel({
    name: "notes",
    version: 1,
    initialState: () => ({ count: 0 }),
    audit: true,
    events: {
      note: {
        payload: z.strictObject({ text: z.string() }),
        reduce(state) {
          state.count++;
        },
      },
    },
    ...more,
  });
const shown = modelWith({ authors: "shown" });

let keys: AuditKeys;
beforeAll(async () => {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  keys = auditKeysOf({
    PARTITA_AUDIT_KEYS: JSON.stringify({ keys: [{ ...(await exportJWK(privateKey)), kid: "k" }] }),
  }) as AuditKeys;
});

/** A partition whose log is sealed. */
class Room {
  readonly shell: TestShell;
  readonly driver: BilledDriver;
  /** How many events were written. */
  written = 0;

  constructor({
    driver = new BilledDriver(),
    model = shown,
    signHead = keys.sign as typeof keys.sign | null,
    written = 0,
    now = 1_700_000_000_000,
  } = {}) {
    this.driver = driver;
    this.written = written;
    this.shell = new TestShell({ driver, model, now, ...(signHead && { signHead }) });
  }

  async write(count: number, name = "n"): Promise<void> {
    for (let at = 0; at < count;) {
      const length = Math.min(100, count - at);
      const drafts = Array.from({ length }, () => {
        const number = ++this.written;
        return {
          draftId: `d-${number}`,
          event: { type: "note", payload: { text: `${name} ${number} Grüße 😀 \u2028` } },
        };
      });
      at += length;
      const author: Author = { principal: `dev:user-${this.written % 3}`, permissions: "all" };
      const answer = await this.shell.submit(author, { key: `b-${this.written}`, mode: "sequential", drafts } as never);
      expect(answer.status).toBe(200);
    }
  }

  /** Runs the alarm that is due, and the turns of its follow-ups. */
  async alarm(): Promise<void> {
    await this.#turning(this.shell.alarm());
  }

  /** Runs alarms until none is due now. */
  async settle(): Promise<void> {
    while (this.shell.armedAt !== undefined && this.shell.armedAt <= this.shell.now) await this.alarm();
  }

  /** Runs the turns that something takes. */
  async #turning<T>(result: Promise<T>): Promise<T> {
    const turns = { over: false };
    const ended = result.finally(() => (turns.over = true));
    while (!turns.over) {
      await new Promise((resolve) => setImmediate(resolve));
      this.shell.elapse(0);
    }
    return await ended;
  }

  async #json(answer: Promise<{ status: number; body: unknown }>) {
    const { status, body } = await this.#turning(answer);
    return {
      status,
      ...(JSON.parse(body as string) as { head: string; path: string[]; code: string; detail: string }),
    };
  }

  async verify(): Promise<{ eventId: number; compared: string[]; findings: object[] }> {
    const { body } = await this.#turning(this.shell.shell.verify(context));
    return (JSON.parse(body as string) as { verified: Awaited<ReturnType<Room["verify"]>> }).verified;
  }

  head() {
    return this.#json(this.shell.shell.readAuditHead(context));
  }

  proof(eventId: number, size?: number) {
    return this.#json(this.shell.shell.readAuditProof(eventId, size, context));
  }

  /** The event as a reader of the log gets it. */
  async event(eventId: number): Promise<AuditedEvent> {
    const answer = await this.#turning(this.shell.shell.readEvents(eventId - 1, 1, context, { authors: true }));
    const [found] = (JSON.parse(answer.body as string) as { events: { event: Omit<AuditedEvent, "eventId"> }[] })
      .events;
    return { eventId, ...found!.event };
  }

  async check(eventId: number, size?: number) {
    const { head, path } = await this.proof(eventId, size);
    return await checkEntry({ event: await this.event(eventId), path }, head, keys.published);
  }
}

describe("the audit of a log", () => {
  it("[MD-9] proves the events that a reader gets, by the newest head and by earlier ones", async () => {
    const room = new Room();
    await room.write(segment - 1);
    await room.settle();
    expect(await room.head()).toMatchObject({ status: 404, code: "not_found" });
    await room.write(1);
    await room.settle();
    const first = await room.head();
    await room.write(2 * segment + 5);
    await room.settle();
    const proven = { proven: true, head: { tenant: "default", partition: "room", size: 3 * segment } };
    for (const id of [1, 2, segment, segment + 1, 2 * segment, 3 * segment]) {
      expect(await room.check(id)).toMatchObject(proven);
    }
    expect(await room.check(7, segment)).toMatchObject({ proven: true, head: { size: segment } });
    expect((await room.proof(7, segment)).head).toBe(first.head);
    expect(await room.proof(3 * segment + 1)).toMatchObject({ status: 404, detail: expect.stringContaining("cover") });
    expect(await room.proof(segment + 1, segment)).toMatchObject({ status: 404 });
    for (const size of [0, 5, 4 * segment]) {
      expect(await room.proof(7, size)).toMatchObject({ status: 404, detail: expect.stringContaining("of this size") });
    }
  });

  it("[MD-9] does not prove what was changed in the storage after it was sealed, nor an entry of another log", async () => {
    const [room, other] = [new Room(), new Room()];
    await room.write(segment);
    await other.write(segment, "o");
    await room.settle();
    await other.settle();
    const { head, path } = await room.proof(9);
    const theirs = await other.proof(9);
    const not = { proven: false, fault: "not_in_log" };
    const entry = { event: await other.event(9), path: theirs.path };
    expect(await checkEntry(entry, theirs.head, keys.published)).toMatchObject({ proven: true });
    expect(await checkEntry(entry, head, keys.published)).toMatchObject(not);
    expect(await checkEntry({ ...entry, path }, head, keys.published)).toMatchObject(not);
    room.driver.transaction(() => {
      room.driver.script("DROP TRIGGER events_are_not_changed");
      room.driver.write("UPDATE events SET payload = CAST(? AS BLOB) WHERE event_id = 9", '{"text":"mine"}');
      room.driver.write("UPDATE events SET principal = 'dev:mallory' WHERE event_id = 10");
    });
    const reopened = new Room({ driver: room.driver, now: room.shell.now });
    expect(await reopened.check(9)).toMatchObject(not);
    expect(await reopened.check(10)).toMatchObject(not);
    expect(await reopened.check(11)).toMatchObject({ proven: true });
  });

  it("[MD-9] writes one row each 1,024 events, and none in an event", async () => {
    const rowsOf = async (model: AnyModel, signHead: typeof keys.sign | null) => {
      const room = new Room({ model, signHead });
      await room.write(2 * segment);
      const before = room.driver.rowsWritten;
      await room.settle();
      const [row] = room.driver.query("SELECT count(*) AS count FROM audit_segments");
      return { before, segments: row!["count"] };
    };
    const plain = modelWith({ authors: "shown", audit: false });
    const [sealed, without] = [await rowsOf(shown, keys.sign), await rowsOf(plain, keys.sign)];
    expect(sealed.before).toBe(without.before);
    expect([sealed.segments, without.segments]).toEqual([2, 0]);
    expect((await rowsOf(shown, null)).segments).toBe(0);
    const room = new Room();
    await room.write(segment - 1);
    await room.settle();
    await room.write(1);
    const before = { rows: room.driver.rowsWritten, alarms: room.shell.alarmsSet };
    await room.settle();
    expect(room.driver.rowsWritten - before.rows).toBe(1);
    // Then the one that was there before, for the next job.
    expect(room.shell.alarmsSet - before.alarms).toBe(1);
  });

  it("[MD-9] goes on after a restart, an earlier version and a failed signature, later each time", async () => {
    let fails = 0;
    const signHead: typeof keys.sign = async (head) => {
      if (fails-- > 0) throw new Error("no signature");
      return await keys.sign(head);
    };
    const unsealed = new Room({ signHead: null });
    await unsealed.write(2 * segment + 3);
    await unsealed.settle();
    expect(await unsealed.head()).toMatchObject({ status: 501, code: "not_configured" });
    const { driver } = unsealed;
    fails = 2;
    const room = new Room({ driver, signHead, written: unsealed.written, now: unsealed.shell.now });
    const waits: number[] = [];
    for (let attempt = 0; attempt < 2; attempt++) {
      await room.alarm();
      waits.push(room.shell.armedAt! - room.shell.now);
    }
    expect(waits[0]).toBeGreaterThanOrEqual(5_000);
    expect(waits[1]).toBeGreaterThan(waits[0]!);
    expect(await room.head()).toMatchObject({ status: 404 });
    expect(room.shell.logged.some(({ message }) => message === "the follow-up of a job failed")).toBe(true);
    await room.alarm();
    await room.settle();
    expect(await room.check(2 * segment)).toMatchObject({ proven: true });
    const keyless = new Room({ driver, signHead: null, now: room.shell.now });
    expect(await keyless.check(1)).toMatchObject({ proven: true });
  });

  it("[MD-9] [MD-13] covers the author and the client as the model shows them", async () => {
    for (const authors of ["pseudonym", "hidden", undefined] as const) {
      const room = new Room({ model: modelWith({ authors }) });
      await room.write(segment);
      await room.settle();
      const event = await room.event(1);
      expect([event.author === undefined, event.clientId]).toEqual([
        authors !== "pseudonym",
        authors === "hidden" ? "" : "http",
      ]);
      expect(JSON.stringify(event)).not.toContain("dev:user");
      expect(await room.check(1)).toMatchObject({ proven: true });
    }
  });

  it("[MD-9] is not there for other models", async () => {
    const room = new Room({ model: modelWith({ audit: undefined }) });
    await room.write(segment);
    await room.settle();
    expect(await room.head()).toMatchObject({ status: 404, detail: expect.stringContaining("no audit proofs") });
    expect(await room.proof(1)).toMatchObject({ status: 404 });
    const empty = new Room();
    expect(await empty.head()).toMatchObject({ status: 404 });
    expect(empty.driver.query("SELECT name FROM sqlite_master")).toEqual([]);
  });

  it("[LC-6] [MD-9] is verified with the log, and damage is named by its event", async () => {
    const verified = async (...damage: string[]) => {
      const room = new Room();
      await room.write(2 * segment + 5);
      await room.settle();
      room.driver.transaction(() => damage.forEach((sql) => room.driver.script(sql)));
      return room.verify();
    };
    expect(await verified()).toMatchObject({ eventId: 2 * segment + 5, findings: [] });
    expect((await verified()).compared).toContain("segments");
    const changed = `UPDATE events SET payload = CAST('{"text":"other"}' AS BLOB) WHERE event_id = 1500`;
    expect((await verified("DROP TRIGGER events_are_not_changed", changed)).findings).toMatchObject([
      { eventId: 1_500, detail: expect.stringContaining("the audit has sealed") },
    ]);
    expect((await verified("DELETE FROM audit_segments WHERE segment = 0")).findings).toMatchObject([
      { eventId: 1, detail: expect.stringContaining("missing") },
    ]);
    const nodes = "UPDATE audit_segments SET nodes = zeroblob(length(nodes)) WHERE segment = 0";
    expect((await verified(nodes)).findings).toMatchObject([
      { eventId: segment, detail: expect.stringContaining("nodes") },
    ]);
    const head =
      "UPDATE audit_segments SET head = (SELECT head FROM audit_segments WHERE segment = 0) WHERE segment = 1";
    expect((await verified(head)).findings).toMatchObject([
      { eventId: 2 * segment, detail: expect.stringContaining("signed head") },
    ]);
  });
});
