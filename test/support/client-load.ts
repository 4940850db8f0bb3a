import {
  createClient,
  type BatchVerdict,
  type Client,
  type OpenStore,
  type PendingEntry,
  type Timing,
  type Verdict,
} from "../../src/client/index.ts";
import { platformPorts } from "../../src/client/transport/platform.ts";
import type { Ports } from "../../src/client/transport/ports.ts";
import { defaultTiming } from "../../src/client/transport/timing.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import type { Json, JsonObject } from "../../src/protocol/index.ts";
import { Random } from "../simulation/random.ts";

/** The number of nodes that all clients try to create. */
const contendedIds = 12;
/** The longest time between two submissions. */
const paceMsMax = 40;

/** Short timeouts, so that losses are detected soon; nothing depends on them. A machine under load is no store that hangs. */
export const hastyTiming: Timing = {
  connectMs: 1_000,
  heartbeatMs: 400,
  heartbeatAnswerMs: 400,
  answerMs: 800,
  storeMs: 30_000,
};

export type InsiemeClient = ReturnType<typeof insiemeClient>;
type Submission = Parameters<InsiemeClient["submitBatch"]>[1][number];

/** One submission and its outcome, as plain data. */
export interface Submitted {
  mode: "single" | "atomic" | "sequential";
  /** Empty if the client rejected it locally. */
  drafts: readonly { draftId: string; type: string; payload: JsonObject }[];
  verdict: Verdict | BatchVerdict;
}

/** The result of a client at the end, as plain data. */
export interface ClientReport {
  clientId: string;
  submitted: readonly Submitted[];
  /** Canonical JSON of its state. */
  view: string;
  eventId: number;
  undecided: number;
  parked: number;
  /** The result of `client.verify`. */
  verified: boolean;
}

export interface LoadOptions {
  url: string;
  partition: string;
  clientId: string;
  seed: number;
  /** The number of submissions. */
  submissions: number;
  store?: OpenStore;
}

/** A client of the insieme model that detects losses soon, and reconnects soon. */
export function insiemeClient(options: {
  url: string;
  partition: string;
  clientId: string;
  random: () => number;
  /** A factor for the delays between attempts to connect. */
  haste?: number;
  presence?: boolean;
  store?: OpenStore;
  timing?: Partial<Timing>;
  ports?: Partial<Ports>;
}): Client<JsonObject, any> {
  const { url, partition, clientId, random, haste = 0.02, presence = true, store, timing = hastyTiming } = options;
  return createClient({
    url,
    partition,
    clientId,
    model: insieme,
    presence,
    // Each client has its own connection, also within one program.
    tabs: false,
    timing,
    ports: { ...platformPorts, random: () => random() * haste, ...options.ports },
    ...(store ? { store } : {}),
  }) as Client<JsonObject, any>;
}

/**
 * The client of this number, with the timing of production and randomness of its own. `attempt` is called at each attempt to
 * connect, `delay` with each time that it waits before one, in milliseconds, and whether the server has said how long at least.
 */
export function patientClient(
  { url, partition, at }: { url: string; partition: string; at: number },
  { attempt, delay }: { attempt(): void; delay(ms: number, isTold: boolean): void },
): InsiemeClient {
  const random = new Random(at);
  let now = 0;
  const client = insiemeClient({
    url,
    partition,
    clientId: `client-${at}`,
    random: () => random.next(),
    haste: 1,
    presence: false,
    timing: defaultTiming,
    ports: {
      now: () => (now = Date.now()),
      open: (...given) => {
        attempt();
        return platformPorts.open(...given);
      },
    },
  });
  client.on("status", ({ retryAt, held }) => {
    // The same reading of the clock as for `retryAt`.
    if (retryAt !== undefined) delay(retryAt - now, held !== undefined);
  });
  return client;
}

/**
 * A client that edits the tree at `docs` together with others: single drafts and batches, many of them in
 * conflict with the edits of others. What it does depends on the seed and on its state.
 */
export class ClientLoad {
  readonly client: InsiemeClient;
  readonly #options: LoadOptions;
  readonly #random: Random;
  readonly #outcomes: Promise<Submitted>[] = [];
  readonly #undos: Promise<Submitted[]>[] = [];
  #undone: Promise<unknown> = Promise.resolve();
  #nodes = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    const delays = new Random(options.seed + 1);
    this.client = insiemeClient({ ...options, random: () => delays.next() });
  }

  /** Submits all; resolves when all are submitted. */
  async submit(): Promise<void> {
    for (let count = 0; count < this.#options.submissions; count++) {
      const mode = this.#random.weighted({ single: 70, atomic: 15, sequential: 10, undo: 5 });
      const drafts = Array.from({ length: mode === "single" ? 1 : this.#random.between(2, 4) }, () => this.#draft());
      if (mode === "undo") this.#undo(this.#random.chance(0.7) ? "undo" : "redo");
      else this.#enter(mode, drafts);
      if (this.#random.chance(0.2)) this.client.setPresence({ at: count });
      await new Promise((resolve) => setTimeout(resolve, this.#random.between(0, paceMsMax)));
    }
  }

  /** Resolves when all is decided, and all events up to `eventId` are here. */
  async settled(): Promise<void> {
    await Promise.all([...this.#outcomes, ...this.#undos]);
  }

  /** Resolves when all events up to `eventId` are here, and the client is online. */
  caughtUp(eventId: number): Promise<void> {
    return until(this.client, ({ client }) => client.status.status === "online" && client.eventId >= eventId);
  }

  /** Its state, to find out why it does not settle. */
  get condition(): object {
    const { status, eventId, pending } = this.client;
    return { clientId: this.#options.clientId, ...status, eventId, pending };
  }

  async report(): Promise<ClientReport> {
    const { client } = this;
    return {
      clientId: this.#options.clientId,
      submitted: [...(await Promise.all(this.#outcomes)), ...(await Promise.all(this.#undos)).flat()],
      verified: await verified(client),
      view: canonicalJson(client.state as Json),
      eventId: client.eventId,
      undecided: client.pending.length,
      parked: client.parked.length,
    };
  }

  #enter(mode: Submitted["mode"], drafts: Submission[]): void {
    if (mode !== "single") this.#watch(mode, () => this.client.submitBatch(mode, drafts));
    else {
      const { type, payload, expectedEventId } = drafts[0]!;
      const options = expectedEventId === undefined ? {} : { expectedEventId };
      this.#watch(mode, () => this.client.submit(type, payload, options));
    }
  }

  /** Undoes or redoes, and records the entries for it. One at a time, so that they are known. */
  #undo(what: "undo" | "redo"): void {
    const submitted: PendingEntry[] = [];
    const done = this.#undone.then(async () => {
      // Not before: it would record the entries of the one before, too.
      const over = this.client.on("undo", ({ entries }) => {
        for (const entry of this.client.pending.slice(this.client.pending.length - entries)) submitted.push(entry);
      });
      return await this.client[what]().finally(over);
    });
    this.#undone = done;
    this.#undos.push(
      done.then((result) =>
        submitted.map(({ mode, drafts }, at) => ({ mode, drafts, verdict: result!.verdicts[at]! }) as Submitted),
      ),
    );
  }

  /** Records the entries that `submit` puts into the queue, with their ids. */
  #watch(mode: Submitted["mode"], submit: () => Promise<Verdict | BatchVerdict>): void {
    const before = this.client.pending.at(-1)?.key;
    const verdict = submit();
    const entry = this.client.pending.at(-1);
    const drafts = entry && entry.key !== before ? entry.drafts : [];
    const outcome = verdict.then((settled) => ({
      mode: entry && drafts.length > 0 ? entry.mode : mode,
      drafts: drafts.map(({ draftId, type, payload }) => ({ draftId, type, payload })),
      verdict: settled,
    }));
    this.#outcomes.push(outcome);
  }

  #draft(): Submission {
    const { type, payload } = this.#event();
    return this.#random.chance(0.1) ? { type, payload, expectedEventId: this.client.eventId } : { type, payload };
  }

  #event(): { type: string; payload: JsonObject } {
    const random = this.#random;
    const { clientId } = this.#options;
    const docs = this.client.state["docs"] as { items?: JsonObject } | undefined;
    const ids = Object.keys(docs?.items ?? {});
    const kinds = { push: 40, contend: 8, update: 20, move: 14, delete: 8, set: 10 };
    const kind = ids.length === 0 ? "push" : random.weighted(kinds);
    const fresh = `${clientId}-${++this.#nodes}`;
    const parent = ids.length > 0 && random.chance(0.7) ? { parent: random.pick(ids) } : {};
    const id = ids.length > 0 ? random.pick(ids) : fresh;
    const target = "docs";
    switch (kind) {
      case "push":
        return { type: "treePush", payload: { target, value: { id: fresh, by: clientId }, options: parent } };
      case "contend": {
        const contended = `all-${random.between(1, contendedIds)}`;
        return { type: "treePush", payload: { target, value: { id: contended, by: fresh } } };
      }
      case "update":
        return { type: "treeUpdate", payload: { target, value: { [`by-${clientId}`]: fresh }, options: { id } } };
      case "move":
        return { type: "treeMove", payload: { target, options: { id, ...parent } } };
      case "delete":
        return { type: "treeDelete", payload: { target, options: { id } } };
      case "set":
        return { type: "set", payload: { target: `notes.${random.pick(["a", "b", "c"])}`, value: fresh } };
    }
  }
}

/** The result of `verify`, as soon as it gets an answer. */
export async function verified(client: InsiemeClient): Promise<boolean> {
  for (;;) {
    await until(client, () => client.status.status === "online");
    const same = await client.verify();
    if (same !== undefined) return same;
  }
}

/** Resolves when a change of a client makes `holds` true. */
export function until(client: InsiemeClient, holds: (of: { client: InsiemeClient }) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!holds({ client })) return;
      stop();
      resolve();
    };
    const stop = client.subscribe(look);
    queueMicrotask(look);
  });
}
