import type { DerivedHost } from "../../model/index.ts";
import type { Job, Jobs } from "./state.ts";

/** Space is in neither. */
export const laneName = (tags: string, share = ""): string => `${tags} ${share}`;

/**
 * What open jobs use of what is bounded, of each author, and what each of them waits for: derived from the state, because
 * only what decides whether a job is taken in asks for it.
 */
export class Uses {
  readonly #host: DerivedHost;
  /** By what is counted. The name of an author can have any characters, so it comes last. */
  readonly #counts = new Map<string, number>();
  /** The open jobs that a job waits for, by its name. */
  readonly #befores = new Map<string, readonly string[]>();

  constructor({ jobs }: Jobs, host: DerivedHost) {
    this.#host = host;
    for (const id in jobs) {
      const job = jobs[id]!;
      for (const [name, by] of this.#namesOf(job, 1)) this.#add(name, by);
      for (const { id: next, seq } of job.next ?? []) {
        const waiting = jobs[next];
        if (waiting?.seq !== seq) continue;
        this.#befores.set(next, [...(this.#befores.get(next) ?? []), id]);
        for (const name of waitNames(id, waiting)) this.#add(name, 1);
      }
    }
  }

  /** The open jobs of an author. */
  jobsOf(author: string): number {
    return this.#get(`jobs ${author}`);
  }

  /** What they take in memory as they are charged, in bytes. */
  bytesOf(author: string): number {
    return this.#get(`bytes ${author}`);
  }

  /** In how many lanes of a concurrency key an author has open jobs. */
  lanesOf(key: string, author: string): number {
    return this.#get(`lanes ${key} ${author}`);
  }

  /** How many open jobs of an author are in a lane of a concurrency key. */
  inLane(key: string, lane: string, author: string): number {
    return this.#get(`lane ${key} ${lane} ${author}`);
  }

  /** How many open jobs wait for a job: of an author, or all of them. */
  waitingFor(id: string, author?: string): number {
    return this.#get(author === undefined ? `all ${id}` : `wait ${id} ${author}`);
  }

  /** The open jobs that a job waits for. */
  beforesOf(id: string): readonly string[] {
    this.#host.count(1);
    return this.#befores.get(id) ?? [];
  }

  /** A job is open, or not any more. */
  count(job: Readonly<Job>, by: 1 | -1): void {
    for (const [name, change] of this.#namesOf(job, by)) this.#change(name, change);
  }

  /** A job waits for another one. */
  wait(id: string, job: Readonly<Job>, before: string): void {
    this.#setBefores(id, [...this.beforesOf(id), before]);
    for (const name of waitNames(before, job)) this.#change(name, 1);
  }

  /** A job does not wait for another one any more. */
  waitNoMore(id: string, job: Readonly<Job>, before: string): void {
    const others = this.beforesOf(id).filter((other) => other !== before);
    this.#setBefores(id, others);
    for (const name of waitNames(before, job)) this.#change(name, -1);
  }

  /** A job waits for nothing any more. */
  leave(id: string, job: Readonly<Job>): void {
    for (const before of this.beforesOf(id)) for (const name of waitNames(before, job)) this.#change(name, -1);
    this.#setBefores(id, []);
  }

  /** What counts a job. */
  *#namesOf({ author, charge, tags = "", share, key }: Readonly<Job>, by: 1 | -1): Iterable<readonly [string, number]> {
    yield [`jobs ${author}`, by];
    yield [`bytes ${author}`, by * charge];
    if (key === undefined) return;
    const lane = `lane ${key} ${laneName(tags, share)} ${author}`;
    yield [lane, by];
    // Its first one there, or its last one.
    if ((this.#counts.get(lane) ?? 0) === (by > 0 ? 1 : 0)) yield [`lanes ${key} ${author}`, by];
  }

  #get(name: string): number {
    this.#host.count(1);
    return this.#counts.get(name) ?? 0;
  }

  #change(name: string, by: number): void {
    this.#host.count(1);
    this.#host.journal(() => this.#add(name, -by));
    this.#add(name, by);
  }

  #add(name: string, by: number): void {
    const left = (this.#counts.get(name) ?? 0) + by;
    if (left === 0) this.#counts.delete(name);
    else this.#counts.set(name, left);
  }

  #setBefores(id: string, befores: readonly string[]): void {
    const before = this.#befores.get(id) ?? [];
    if (befores.length === before.length) return;
    this.#host.count(1);
    this.#host.journal(() => this.#keepBefores(id, before));
    this.#keepBefores(id, befores);
  }

  #keepBefores(id: string, befores: readonly string[]): void {
    if (befores.length > 0) this.#befores.set(id, befores);
    else this.#befores.delete(id);
  }
}

function waitNames(before: string, { author }: Pick<Job, "author">): readonly string[] {
  return [`all ${before}`, `wait ${before} ${author}`];
}
