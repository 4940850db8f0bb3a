import type { ReportsSeen } from "../platform/metrics-api.ts";

const countsKey = "counts";
const seenKey = "seen";

/** Figures that an object keeps in its storage, and which reports are in them: a write is two billed rows. */
export class KeptCounts {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Undefined: none were kept. */
  get counts(): Record<string, number> | undefined {
    return this.#storage.kv.get<Record<string, number>>(countsKey);
  }

  /** Undefined: none were kept, or an earlier version has kept the counts. */
  get seen(): ReportsSeen | undefined {
    return this.#storage.kv.get<ReportsSeen>(seenKey);
  }

  put(counts: Readonly<Record<string, number>>, seen: ReportsSeen): void {
    this.#storage.kv.put(countsKey, counts);
    this.#storage.kv.put(seenKey, seen);
  }
}
