import { bounds } from "../../../src/protocol/bounds.ts";
import type { Arena } from "../arena.ts";
import { type Case, frameBound, only } from "../case.ts";
import { type Answers, AttackSocket } from "../socket.ts";

/** More keys than are compared one by one. */
const smallKeys = 33;
/** A frame as large as the platform receives. */
const oversizedBytes = 32 * 1024 * 1024 - 1_024;

/**
 * An object with many keys, one of them twice; with `nested`, small objects between the last of them. A scan that
 * keeps the keys of one object only collects those of the outer one again after each small one, or, where it counts
 * them, after each key.
 */
function wideObject(bytes: number, nested: boolean): string {
  const small = `{${Array.from({ length: smallKeys }, (_, at) => `"${at}":0`).join(",")}}`;
  // The escape makes a scan necessary.
  const parts = ['"\\u0061":0', '"a":0'];
  let length = 0;
  for (let at = 0; length < bytes; at++) {
    const part = `"k${at}":${nested && length > bytes / 2 ? small : "0"}`;
    parts.push(part);
    length += part.length + 1;
  }
  return `{${parts.join(",")}}`;
}

async function unauthenticated(arena: Arena, partition: string, frame: string): Promise<Answers> {
  const socket = await AttackSocket.open(arena, partition, undefined);
  socket.send(frame);
  await socket.answered(1);
  socket.end();
  return socket.answers;
}

export const frames: readonly Case[] = [
  {
    name: "wide-json",
    what: "An object with many keys, one of them twice, 64 KiB, before any token",
    boundBy: "`frameBytesMax`; a scan in linear time",
    bound: frameBound,
    tested: true,
    async prepare(arena) {
      const partition = arena.fresh("wide");
      const wide = wideObject(bounds.frameBytesMax - 600, false);
      const frame = `{"id":"w","type":"sync","timestamp":1,"payload":{"wide":${wide}}}`;
      return {
        strike: async () => ({ frames: 1, answers: await unauthenticated(arena, partition, frame) }),
        judge: only("not_connected", "unauthenticated", "bad_request"),
      };
    },
  },
  {
    name: "wide-json-http",
    what: "Nested objects with many keys, as the body of a request",
    boundBy: "`frameBytesMax`; a scan in linear time",
    bound: frameBound,
    tested: true,
    async prepare(arena) {
      const partition = arena.fresh("wide");
      const body = `{"type":"set","payload":{"target":"w","value":${wideObject(bounds.frameBytesMax - 600, true)}}}`;
      return {
        async strike(who) {
          const path = `/v1/partitions/${partition}/events`;
          const { kind } = await arena.http(who, path, { method: "POST", key: crypto.randomUUID(), body });
          return { frames: 1, answers: { [kind]: 1 } };
        },
        judge: only("bad_request", "rate_limited"),
      };
    },
  },
  {
    name: "oversized",
    what: "A frame of 32 MiB, before any token",
    boundBy: "`frameBytesMax`; the platform receives it whole",
    // It is no frame of 64 KiB: most of its cost is the platform's.
    bound: {},
    beside: false,
    tested: true,
    async prepare(arena) {
      const partition = arena.fresh("oversized");
      const frame = "é".repeat(oversizedBytes / 2);
      return {
        strike: async () => ({ frames: 1, answers: await unauthenticated(arena, partition, frame) }),
        judge: (answers) =>
          answers["payload_too_large"] === 1 || answers["closed 1009"] === 1 ? undefined : "not refused",
      };
    },
  },
];
