import { bounds } from "../../../src/protocol/bounds.ts";
import type { Arena } from "../arena.ts";
import { type Case, frameBound, only } from "../case.ts";
import { type Answers, AttackSocket } from "../socket.ts";

/** More keys than are compared one by one. */
const smallKeys = 33;
/** A frame as large as the platform receives. */
const oversizedBytes = 32 * 1024 * 1024 - 1_024;

/**
 * An object with many keys, and small objects between the last of them: a scan that keeps the keys of one object only
 * collects those of the outer one after each. The escape makes a scan necessary.
 */
function wideObject(bytes: number): string {
  const small = `{${Array.from({ length: smallKeys }, (_, at) => `"${at}":0`).join(",")}}`;
  const half = bytes / 2;
  const parts = ['"\\u0061":0'];
  let length = 0;
  for (let at = 0; length < bytes; at++) {
    const part = `"k${at}":${length < half ? "0" : small}`;
    parts.push(part);
    length += part.length + 1;
  }
  return `{${parts.join(",")}}`;
}

async function unauthenticated(arena: Arena, partition: string, frame: string): Promise<Answers> {
  const socket = await AttackSocket.open(arena.url, partition, undefined);
  socket.send(frame);
  await socket.answered(1);
  socket.end();
  return socket.answers;
}

export const frames: readonly Case[] = [
  {
    name: "wide-json",
    what: "Nested objects with many keys, 64 KiB, before any token",
    boundBy: "`frameBytesMax`; a scan in linear time",
    bound: frameBound,
    tested: true,
    async prepare(arena) {
      const partition = arena.fresh("wide");
      const wide = wideObject(bounds.frameBytesMax - 600);
      const frame = `{"id":"w","type":"sync","timestamp":1,"payload":{"wide":${wide}}}`;
      return {
        strike: async () => ({ frames: 1, answers: await unauthenticated(arena, partition, frame) }),
        judge: only("not_connected", "unauthenticated", "bad_request"),
      };
    },
  },
  {
    name: "wide-json-http",
    what: "The same as the body of a request",
    boundBy: "`frameBytesMax`; a scan in linear time",
    bound: frameBound,
    tested: true,
    async prepare(arena) {
      const partition = arena.fresh("wide");
      const body = `{"type":"set","payload":{"target":"w","value":${wideObject(bounds.frameBytesMax - 600)}}}`;
      return {
        async strike(who) {
          const path = `/v1/partitions/${partition}/events`;
          const { kind } = await arena.http(who, path, { method: "POST", key: crypto.randomUUID(), body });
          return { frames: 1, answers: { [kind]: 1 } };
        },
        judge: only("201", "bad_request", "rate_limited"),
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
