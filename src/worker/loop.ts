import type { Ports } from "../client/transport/ports.ts";
import { hasJobFor, payloadOf } from "../models/jobs/index.ts";
import type { JsonObject } from "../protocol/index.ts";
import type { JobsClient, Task, Worker } from "./types.ts";

export type WorkerPorts = Pick<Ports, "now" | "after" | "random">;

/** Jobs of one claim. */
const claimMax = 32;
/** Jobs that a worker has at once. */
const heldMax = 128;
/** Characters of an error that is reported. */
const errorLengthMax = 256;
/**
 * Pauses after a claim to which there was no job, though the state here had one: another worker was faster. Each such claim
 * is a row of the rejections, so the pause doubles, from a usual round trip on.
 */
const pauseMsMin = 100;
const pauseMsMax = 2_000;
/** A worker that was idle claims within this time after a job has come, not all at once: a round trip, so that most see who was faster. */
const spreadMs = 50;
/** The pause after a heartbeat that came too early, by a clock that runs differently. */
const retryHeartbeatMs = 1_000;

/** How a worker works, with all defaults applied. */
interface Settings {
  readonly name: string;
  readonly tags: readonly string[];
  readonly concurrency: number;
  readonly ahead: number;
  readonly seconds: number;
}

/** What came of a job: a result, or an error. */
type Report = { readonly result: JsonObject | undefined } | { readonly error: string; readonly retry: boolean };

/** A verdict, as far as it matters here. */
interface Outcome {
  readonly status: string;
  readonly local?: boolean;
  readonly event?: { readonly partition: string };
}

/** A job of this worker. */
interface Held {
  readonly fence: number;
  readonly task: Omit<Task, "signal">;
  readonly abort: AbortController;
  stage: "waiting" | "running" | "reporting";
}

/** The loop of one worker. What it does follows from the state of the queue: it looks at it after each change. */
export class Loop implements Worker {
  readonly #client: JobsClient;
  readonly #settings: Settings;
  readonly #ports: WorkerPorts;
  readonly #run: (task: Task) => Promise<Report>;
  readonly #held = new Map<string, Held>();
  readonly #unsubscribe: () => void;
  readonly #ended: Promise<void>;
  #end: () => void = () => {};
  #claiming = false;
  /** What the verdicts of its claims say of the partition. */
  #partition = "";
  /** The last fence that it has taken on: what is older and not held is done with, though the state may be behind. */
  #newest = 0;
  /** Whether there was a job for it when it last looked. */
  #some = true;
  #pausedUntil = 0;
  #pauseMs = pauseMsMin;
  /** When the last claim or heartbeat was sent that was accepted: the lease lasts at least from then on. */
  #renewedAt = 0;
  #renewing = false;
  #stopping = false;
  #cancelTimer: (() => void) | undefined;

  constructor(client: JobsClient, settings: Settings, ports: WorkerPorts, run: (task: Task) => Promise<Report>) {
    this.#client = client;
    this.#settings = settings;
    this.#ports = ports;
    this.#run = run;
    this.#ended = new Promise((resolve) => (this.#end = resolve));
    this.#unsubscribe = client.subscribe(() => this.#look());
    this.#look();
  }

  get name(): string {
    return this.#settings.name;
  }

  get running(): number {
    return this.#count("running");
  }

  async stop({ abort = false } = {}): Promise<void> {
    this.#stopping = true;
    for (const [id, held] of this.#held) {
      if (held.stage === "waiting") this.#report(id, held, "release", {});
      else if (abort) held.abort.abort(new Error("the worker stops"));
    }
    this.#look();
    await this.#ended;
  }

  #count(stage: Held["stage"]): number {
    let count = 0;
    for (const held of this.#held.values()) if (held.stage === stage) count++;
    return count;
  }

  /** Does what the present state asks for. */
  #look(): void {
    if (this.#client.status.status === "closed") this.#stopping = true;
    const { name, tags, concurrency, ahead } = this.#settings;
    const { mine, some } = this.#client.read((state) => ({
      mine: Object.entries(state.workers[name]?.jobs ?? {}).map(([id, fence]) => {
        const { payload, attempts = 1, seq } = state.jobs[id]!;
        return { id, fence, payload, attempts, seq };
      }),
      some: hasJobFor(state, tags),
    }));
    const fences = new Map(mine.map(({ id, fence }) => [id, fence]));
    for (const [id, held] of this.#held) {
      if (fences.get(id) === held.fence) continue;
      this.#held.delete(id);
      // Of what is reported nothing has to end.
      if (held.stage !== "reporting") held.abort.abort(new Error("the job is not this worker's any more"));
    }
    const since = this.#newest;
    for (const { id, fence, payload, attempts, seq } of this.#claiming ? [] : mine) {
      if (fence <= since) continue;
      this.#newest = Math.max(this.#newest, fence);
      const task = {
        job: id,
        payload: payloadOf({ payload }),
        attempt: attempts,
        fence,
        // A name can be used again, a number cannot.
        idempotencyKey: `${this.#partition}/${id}/${seq}`,
      };
      this.#held.set(id, { fence, task, abort: new AbortController(), stage: "waiting" });
      if (this.#stopping) this.#report(id, this.#held.get(id)!, "release", {});
    }
    const now = this.#ports.now();
    if (now >= this.#renewedAt + 2 * this.#halfMs) {
      // The server decides by its own clock. But what the handlers do now may be done by others too.
      for (const { abort, stage } of this.#held.values()) {
        if (stage === "running") abort.abort(new Error("the lease could not be renewed"));
      }
    }
    let running = this.running;
    for (const [id, held] of this.#held) {
      if (running >= concurrency || this.#stopping) break;
      if (held.stage !== "waiting") continue;
      running++;
      void this.#do(id, held);
    }
    const free = Math.min(concurrency + ahead, heldMax) - this.#held.size + this.#count("reporting");
    if (some && !this.#some) this.#pausedUntil = Math.max(this.#pausedUntil, now + spreadMs * this.#ports.random());
    if (!some) this.#pauseMs = pauseMsMin;
    this.#some = some;
    if (some && free > 0) void this.#claim(Math.min(free, claimMax, heldMax - this.#held.size));
    this.#setTimer();
    if (this.#stopping && this.#held.size === 0 && !this.#claiming) this.#finish();
  }

  async #do(id: string, held: Held): Promise<void> {
    held.stage = "running";
    const report = await this.#run({ ...held.task, signal: held.abort.signal });
    if (this.#held.get(id) !== held) return;
    if ("result" in report) {
      const { result } = report;
      this.#report(id, held, "complete", result === undefined ? {} : { result });
    } else {
      const error = report.error.slice(0, errorLengthMax).toWellFormed() || "It has failed.";
      this.#report(id, held, "fail", report.retry ? { error } : { error, retry: false });
    }
  }

  /** Says of a job what came of it. It stays held until that is decided: the state says so. */
  #report(id: string, held: Held, type: "complete" | "fail" | "release", more: object): void {
    held.stage = "reporting";
    const payload = { job: id, fence: held.fence, ...more };
    void this.#settle(id, held, type, payload);
    this.#look();
  }

  async #settle(id: string, held: Held, type: "complete" | "fail" | "release", payload: object): Promise<void> {
    const { status, local } = await this.#submit(type, payload);
    if (this.#held.get(id) !== held) return;
    // What is too large to be sent, or no JSON, is a fault of the handler.
    if (status === "rejected" && local && type === "complete") {
      this.#report(id, held, "fail", { error: "Its result cannot be sent.", retry: false });
      return;
    }
    this.#held.delete(id);
    this.#look();
  }

  async #claim(max: number): Promise<void> {
    if (this.#claiming || this.#stopping || max < 1 || this.#ports.now() < this.#pausedUntil) return;
    // Offline it would be sent later, when it is not known whether this worker still wants it.
    if (this.#client.status.status !== "online") return;
    this.#claiming = true;
    const { name, tags, seconds } = this.#settings;
    const sentAt = this.#ports.now();
    const { status, event } = await this.#submit("claim", { worker: name, tags: [...tags], max, seconds });
    this.#claiming = false;
    if (status === "accepted") {
      this.#partition = event!.partition;
      this.#renewedAt = sentAt;
      this.#pauseMs = pauseMsMin;
    } else {
      this.#pausedUntil = this.#ports.now() + this.#pauseMs * (0.5 + this.#ports.random() / 2);
      this.#pauseMs = Math.min(this.#pauseMs * 2, pauseMsMax);
    }
    this.#look();
  }

  /** When half of the lease is over, a sign of life. */
  async #renew(): Promise<void> {
    if (this.#renewing || this.#held.size === 0) return;
    this.#renewing = true;
    const sentAt = this.#ports.now();
    const { status } = await this.#submit("heartbeat", { worker: this.name });
    this.#renewing = false;
    if (status === "accepted") this.#renewedAt = sentAt;
    else this.#renewedAt = Math.max(this.#renewedAt, sentAt - this.#halfMs + retryHeartbeatMs);
    this.#look();
  }

  get #halfMs(): number {
    return this.#settings.seconds * 500;
  }

  /** Looks again when a pause or half of the lease is over. */
  #setTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const now = this.#ports.now();
    const times = [
      ...(this.#pausedUntil > now ? [this.#pausedUntil] : []),
      ...(this.#held.size > 0 ? [this.#renewedAt + this.#halfMs * (this.#renewing ? 2 : 1)] : []),
    ].filter((at) => at > now - retryHeartbeatMs);
    if (times.length === 0) return;
    this.#cancelTimer = this.#ports.after(Math.max(Math.min(...times) - now, 1), () => {
      if (this.#ports.now() >= this.#renewedAt + this.#halfMs) void this.#renew();
      this.#look();
    });
  }

  /** What is thrown is the end of the client: there is no verdict then. */
  async #submit(type: "claim" | "heartbeat" | "complete" | "fail" | "release", payload: object): Promise<Outcome> {
    try {
      return await this.#client.submit(type, payload as never);
    } catch {
      return { status: "undecided" };
    }
  }

  #finish(): void {
    this.#unsubscribe();
    this.#cancelTimer?.();
    this.#end();
  }
}
