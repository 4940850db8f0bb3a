import { bytesPort } from "../../src/platform/hash.ts";
import { describe, expect, it } from "vitest";
import { type Partition, type SnapshotDraft, Turns } from "../../src/core/index.ts";
import { log } from "../../src/platform/log.ts";
import { writeSnapshot } from "../../src/shell/snapshot-writer.ts";

/** A BLOB of a Durable Object has at most 2 MB. */
const blobBytesMax = 2_000_000;
const draft = (state: string): SnapshotDraft => ({
  eventId: 1,
  modelVersion: 1,
  modelTag: undefined,
  logBytes: 0,
  createdAt: 0,
  state: [state],
});

const ports = { now: () => 0, log };
const turns = new Turns({ ...ports, timer: (turn) => void setTimeout(turn), afterIo: (turn) => void setTimeout(turn) });

/** Receives the pieces of a snapshot, as a partition does. */
class Pieces {
  readonly chunks: Uint8Array[] = [];
  completed: { stateBytes: number; encoding: string; sha256: Uint8Array } | undefined;
  abandoned = false;

  snapshotLags(): boolean {
    return false;
  }

  putSnapshotChunk(_: number, chunk: number, bytes: Uint8Array): void {
    expect(chunk).toBe(this.chunks.length);
    this.chunks.push(bytes);
  }

  completeSnapshot(_: SnapshotDraft, stateBytes: number, encoding: string, sha256: Uint8Array): void {
    this.completed = { stateBytes, encoding, sha256 };
  }

  isSnapshotting(): boolean {
    return true;
  }

  abandonSnapshot(): void {
    this.abandoned = true;
  }

  async written(state: string): Promise<Uint8Array> {
    await writeSnapshot(this as unknown as Partition, draft(state), ports, turns);
    return new Uint8Array(await new Blob(this.chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  }
}

describe("writing a snapshot", () => {
  it.each([0, 1])("[TX-8] writes chunks that join to the same text, wherever they are cut (%i)", async (offset) => {
    // Only surrogate pairs: with one of the two offsets every cut would be inside a pair.
    const state = JSON.stringify("x".repeat(offset) + "😀".repeat(700_000));
    const pieces = new Pieces();
    const bytes = await pieces.written(state);
    expect(pieces.chunks.length).toBeGreaterThan(2);
    expect(new TextDecoder().decode(bytesPort.gunzip(bytes))).toBe(state);
    expect(pieces.completed).toEqual({
      stateBytes: new TextEncoder().encode(state).length,
      encoding: "gzip",
      sha256: bytesPort.sha256(bytes),
    });
  });

  it("[TX-8] no chunk is too large for a row, even if the text does not compress", async () => {
    const noise = () =>
      String.fromCharCode(...crypto.getRandomValues(new Uint16Array(16_384)).map((unit) => 0x4e00 + (unit % 20_000)));
    const pieces = new Pieces();
    await pieces.written(Array.from({ length: 40 }, noise).join(""));
    for (const { length } of pieces.chunks) expect(length).toBeLessThan(blobBytesMax);
  });

  it("[TX-8] a snapshot that cannot be written is abandoned", async () => {
    const pieces = new Pieces();
    pieces.putSnapshotChunk = () => {
      throw new Error("the disk is full");
    };
    await pieces.written("{}");
    expect(pieces).toMatchObject({ abandoned: true, completed: undefined });
  });
});
