import type { Delivered, Submission } from "../core/index.ts";
import type { Effects } from "../model/effects.ts";
import type { AnyModel } from "../model/index.ts";
import { bytesPort } from "../platform/hash.ts";
import { IsolateUse } from "../platform/isolate.ts";
import type { ReadOptions, RequestContext, SubmittedEffect } from "../platform/rpc.ts";
import { type Author, noLimits } from "../protocol/index.ts";
import { logEvents } from "../protocol/all-log-events.ts";
import type { LogValues } from "../protocol/log-fields.ts";
import { type Attachment, type Carrier, Connection } from "../shell/connection.ts";
import { PartitionShell } from "../shell/partition-shell.ts";
import { allParts } from "../shell/all-parts.ts";
import type { EffectPorts, ShellPorts } from "../shell/ports.ts";
import { NodeSqlDriver } from "../storage/node.ts";
import { migrations } from "../storage/partition/migrations.ts";
import { PartitionStorage } from "../storage/partition/storage.ts";
import type { AnyAnswer } from "../shell/writer.ts";
import type { TestClock } from "./clock.ts";
import type { SeededRandom } from "./random.ts";

/** What a host is made of. */
interface HostParts {
  readonly name: string;
  readonly model: AnyModel;
  readonly effects: Effects | undefined;
  readonly clock: TestClock;
  readonly random: SeededRandom;
  readonly effectPorts: EffectPorts;
}

/** The end of a connection at the server. */
export interface ServerEnd {
  receive(frame: string): void;
  /** The client has closed it, or the network has. */
  closed(): void;
}

/** What a connection of a client gives its server. */
export interface ClientEnd {
  send(frame: string): void;
  close(code: number, reason: string): void;
}

/** The production shell and core of a partition, over storage in memory and the time of the test; with the platform's alarm. */
export class TestHost {
  readonly #parts: HostParts;
  readonly #driver = new NodeSqlDriver();
  #shell!: PartitionShell;
  /** Changes when the process ends: nothing that an earlier one waits for comes about. */
  #incarnation = 0;
  #alarm: { at: number; cancel: () => void } | undefined;
  /** The connections of this incarnation. */
  #open = new Set<ClientEnd>();
  /** Resolve requests that the end of the process leaves without an answer. */
  readonly #unanswered = new Set<(error: Error) => void>();
  /** Errors that the partition has logged, newest last. */
  readonly errors: string[] = [];

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.#boot();
  }

  /** The storage as it is. */
  get storage(): PartitionStorage {
    return new PartitionStorage(this.#driver, migrations, bytesPort);
  }

  /** Opens a connection. Undefined: it is refused. */
  async connect(author: Author, client: ClientEnd): Promise<ServerEnd | undefined> {
    const incarnation = this.#incarnation;
    const alive = () => incarnation === this.#incarnation;
    const shell = this.#shell;
    const carrier = (): Carrier => ({
      send: (frame) => {
        if (alive()) client.send(frame);
      },
      end: (code, reason) => {
        if (alive() && this.#open.delete(client)) client.close(code, reason);
      },
      save: () => {},
      lastSignOfLife: () => this.#parts.clock.now,
    });
    const connection = await shell.connect(author, false, carrier as (attachment: Attachment) => Carrier);
    if (!(connection instanceof Connection) || !alive()) return undefined;
    this.#open.add(client);
    return {
      receive: (frame) => {
        if (alive()) shell.receive(connection, frame);
      },
      closed: () => {
        if (!alive()) return;
        this.#open.delete(client);
        shell.disconnected(connection);
      },
    };
  }

  submit(author: Author, clientId: string, submission: Submission, bytes: number): Promise<AnyAnswer> {
    return this.#ask(() => this.#shell.submit(author, clientId, submission, bytes, this.#context()));
  }

  readEvents(reader: Author, since: number, limit: number | undefined, options: ReadOptions): Promise<AnyAnswer> {
    return this.#ask(() => this.#shell.readEvents(since, limit, { ...this.#context(), reader }, options));
  }

  readState(reader: Author, at: number | undefined): Promise<AnyAnswer> {
    return this.#ask(() => this.#shell.readState(at, { ...this.#context(), reader }));
  }

  deliver(from: string, effects: readonly SubmittedEffect[]): Promise<readonly Delivered[]> {
    return this.#ask(() => this.#shell.deliver(from, effects, this.#context().traceId));
  }

  /** The process ends, with everything in memory, and a new one starts on what is stored. */
  crash(): void {
    this.#incarnation++;
    const open = [...this.#open];
    this.#open.clear();
    for (const client of open) client.close(1006, "");
    for (const fail of this.#unanswered) fail(new Error("the partition has ended"));
    this.#unanswered.clear();
    this.#boot();
  }

  #ask<T>(ask: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#unanswered.add(reject);
      ask()
        .then(resolve, reject)
        .finally(() => this.#unanswered.delete(reject));
    });
  }

  #context(): RequestContext {
    return { traceId: this.#parts.random.hex(32) };
  }

  #boot(): void {
    const { name, model, effects } = this.#parts;
    const settings = {
      name: { tenant: "default", partition: name },
      model,
      effects,
      roles: {},
      parts: allParts,
      limits: noLimits,
    };
    this.#shell = new PartitionShell(settings, this.#ports());
    this.#shell.start(this.#alarm?.at, () => {});
  }

  #ports(): ShellPorts {
    const { clock, random, effectPorts } = this.#parts;
    const incarnation = this.#incarnation;
    const alive = () => incarnation === this.#incarnation;
    const timer = (run: () => void, delayMs: number) =>
      clock.after(delayMs, () => {
        if (alive()) run();
      });
    return {
      storage: this.storage,
      random: {
        logId: () => `log-${random.hex(8)}`,
        incarnation: () => random.hex(16),
        traceId: () => random.hex(32),
        peerId: () => random.hex(32),
        connectionId: () => random.hex(32),
        secret: () => random.hex(64),
        nonce: () => random.hex(32),
        fraction: () => random.next(),
      },
      log: (event, fields: LogValues) => {
        const [level, message] = logEvents[event];
        if (level === "error") this.errors.push(`${message}: ${fields.error ?? fields.code ?? fields.reason ?? ""}`);
      },
      now: () => clock.now,
      timer,
      afterIo: (run) => void timer(run, 0),
      every: (run, periodMs) => {
        let cancel: (() => void) | undefined;
        const next = () => {
          cancel = timer(() => {
            next();
            run();
          }, periodMs);
        };
        next();
        return () => cancel?.();
      },
      armAlarm: async (at) => {
        if (alive()) this.#arm(at);
      },
      tenant: undefined,
      effects: effectPorts,
      keys: () => undefined,
      verify: async () => ({ code: "unauthenticated", detail: "There are no tokens here." }),
      isolate: new IsolateUse(),
      openBody: () => {
        const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
        return { readable, writer: writable.getWriter() };
      },
    };
  }

  /** The alarm survives the end of the process. */
  #arm(at: number): void {
    const { clock } = this.#parts;
    this.#alarm?.cancel();
    const cancel = clock.after(at - clock.now, () => {
      this.#alarm = undefined;
      void this.#shell.alarm();
    });
    this.#alarm = { at, cancel };
  }
}
