import { build } from "esbuild";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** What an object may take at all its bounds at once: an isolate has 128 MB, and others share it. */
const memoryMiBMax = 96;

/** What each part may add to it, in MiB: the table of docs/decisions/0009-memory.md. */
const mostOf: Record<string, number> = {
  start: 10,
  state: 42,
  "recent events": 4.5,
  connections: 4,
  // Its text, once as it is made and once as it is sent.
  "inline state": 36,
  streams: 12,
  readers: 7,
  changes: 7,
  // With what is not decoded yet.
  "held frames": 6.5,
  // In a state that is not full a draft of the first frames is accepted.
  queue: 8,
  "queue of refusals": 4.5,
  unread: 2.5,
};

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "partita-memory-"));
const child = join(folder, "test/process/memory-child.mjs");

/** What the child has measured. */
interface Measured {
  /** Of the heap and of what is outside of it, in MiB: the most with garbage, the most without, and without garbage at the end of each stage. */
  peak: number;
  peakLive: number;
  stages: Record<string, number>;
  /** What each stage has added to the one before. */
  growth: Record<string, number>;
  /** How often each kind of answer has come. */
  counts: Record<string, number>;
}

/** Runs the child in a heap that is no larger than the bound: beyond it the process dies. */
async function measure(shape: string, mode: "fill" | "load"): Promise<Measured> {
  const flags = ["--disable-warning=ExperimentalWarning", "--expose-gc", `--max-old-space-size=${memoryMiBMax}`];
  const { stdout } = await run(process.execPath, [...flags, child, shape, join(folder, `${shape}.db`), mode]);
  return JSON.parse(stdout) as Measured;
}

describe("an object at all its bounds at once", () => {
  beforeAll(async () => {
    mkdirSync(join(folder, "test/process"), { recursive: true });
    symlinkSync(join(root, "migrations"), join(folder, "migrations"));
    // Bundled, because Node's compiler for types would take 14 MiB of the same heap.
    await build({
      entryPoints: [join(root, "test/process/memory-child.ts")],
      outfile: child,
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "error",
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(["tree", "flat", "empty", "kinds", "text", "wide", "half"])(
    "[BD-2] [BD-3] takes less than 96 MiB, each part no more than its bound, and less while it loads: a state of %s",
    async (shape) => {
      const filled = await measure(shape, "fill");
      console.info(JSON.stringify(filled));
      expect(filled.peakLive).toBeLessThan(memoryMiBMax);
      for (const [stage, most] of Object.entries(mostOf))
        expect([stage, (filled.growth[stage] ?? 0) <= most]).toEqual([stage, true]);
      // All of it has happened.
      expect(filled.counts).toMatchObject({ "state 200 object": 6 });
      expect(filled.counts["connected"]).toBeGreaterThan(1_000);
      expect(filled.counts["overloaded"]).toBeGreaterThan(7_000);
      // Who held most of the frames that wait for a token.
      expect(filled.counts["end 1013 overloaded"]).toBeGreaterThan(5);
      expect(filled.counts["state_too_large"] ?? 0).toBeGreaterThan(shape === "half" ? -1 : 0);
      // Beside a larger state there is no room for its text: it is refused.
      expect("inline state" in filled.growth).toBe(shape === "half");
      expect(filled.growth["state"]).toBeGreaterThan(shape === "half" ? 15 : 20);
      const loaded = await measure(shape, "load");
      console.info(JSON.stringify(loaded));
      // A state is loaded with little beside it: a chunk of the snapshot, and an event after it.
      const { opened = 0, start = 0 } = loaded.stages;
      expect(loaded.peakLive).toBeLessThan(Math.max(opened, start + filled.growth["state"]!) + 8);
    },
  );
});
