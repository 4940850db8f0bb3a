import { describe, expect, it } from "vitest";
import { httpFallback } from "../../../src/client/transport/http-fallback.ts";
import { withFallback } from "../../../src/client/transport/fallback.ts";
import type { OpenByHttp } from "../../../src/client/transport/http-socket.ts";
import { FakeSocket, settle } from "./harness.ts";

const url = "ws://server/v1/partitions/room/ws";
const minutes = 60_000;

type Way = "socket" | "http";

/** What is opened, and by which way. `works`: what of it opens; the rest is refused, or says nothing at all. */
function ways({ loads = true } = {}) {
  const world = {
    now: 0,
    works: new Set<Way>(),
    silent: false,
    refuses: false,
    seen: [] as Way[],
    told: [] as string[],
  };
  let last: FakeSocket | undefined;
  const opener =
    (way: Way) =>
    (...given: ConstructorParameters<typeof FakeSocket>) => {
      const socket = new FakeSocket(...given);
      world.seen.push(way);
      last = socket;
      if (world.works.has(way)) queueMicrotask(() => socket.open());
      // Twice, as Node does.
      else if (!world.silent) queueMicrotask(() => [socket.end(), socket.end()]);
      return socket;
    };
  const refusing: OpenByHttp = (at, events, protocols) => {
    const socket = new FakeSocket(at, events, protocols);
    world.seen.push("http");
    queueMicrotask(() => {
      events.refused("no place");
      socket.end();
    });
    return socket;
  };
  const http = httpFallback(
    (...given) => (world.refuses ? refusing(...given) : opener("http")(...given)),
    () => world.now,
  );
  const load = async () => {
    if (!loads) throw new Error("no network");
    return http;
  };
  const open = withFallback(opener("socket"), load);
  /** One attempt: the ways that it went, and what came of it. */
  const attempt = async (address = url): Promise<string> => {
    world.seen = [];
    const told: string[] = (world.told = []);
    const events = {
      opened: () => told.push("opened"),
      received: (frame: unknown) => told.push(String(frame)),
      closed: () => told.push("closed"),
    };
    const socket = open(address, events, ["partita"]);
    await settle();
    const outcome = told[0] ?? "nothing";
    if (told.at(-1) !== "closed") socket.close();
    await settle();
    return `${world.seen.join(" ")}: ${outcome}`;
  };
  return { world, open, attempt, last: () => last! };
}

describe("where WebSockets are blocked", () => {
  it("[CL-3] [CL-5] tries three times, and then without in the same attempt; where that works it begins with it for ten minutes", async () => {
    const { attempt, world } = ways();
    world.works = new Set(["http"]);
    for (let count = 0; count < 3; count++) expect(await attempt()).toBe("socket: closed");
    expect(await attempt()).toBe("socket http: opened");
    world.now += 10 * minutes - 1;
    expect(await attempt()).toBe("http: opened");
    world.now += 10 * minutes;
    expect(await attempt()).toBe("socket http: opened");
    world.now += 10 * minutes;
    world.works = new Set(["http", "socket"]);
    expect(await attempt()).toBe("socket: opened");
    // From then on it is as at the beginning.
    world.works = new Set(["http"]);
    for (let count = 0; count < 3; count++) expect(await attempt()).toBe("socket: closed");
  });

  it("[CL-3] [LC-5] a server that was away is found by the WebSocket again, and what is refused without is not insisted on", async () => {
    const { attempt, world } = ways();
    for (let count = 0; count < 3; count++) await attempt();
    for (let count = 0; count < 5; count++) expect(await attempt()).toBe("socket http: closed");
    world.works = new Set(["socket", "http"]);
    expect(await attempt()).toBe("socket: opened");

    // Refused by the server in so many words, it is told so; but it is no way that has worked.
    const full = ways();
    full.world.refuses = true;
    for (let count = 0; count < 3; count++) await full.attempt();
    for (let count = 0; count < 2; count++) {
      expect(await full.attempt()).toBe("socket http: opened");
      expect(full.world.told).toEqual(["opened", "no place", "closed"]);
    }
    full.world.works = new Set(["socket"]);
    expect(await full.attempt()).toBe("socket: opened");

    const crowded = ways();
    crowded.world.works = new Set(["http"]);
    for (let count = 0; count < 4; count++) await crowded.attempt();
    crowded.world.works = new Set(["socket"]);
    expect(await crowded.attempt()).toBe("http: closed");
    expect(await crowded.attempt()).toBe("socket: opened");
  });

  it("[CL-3] where a WebSocket says nothing at all, the attempt after it begins without", async () => {
    const { attempt, world } = ways();
    for (let count = 0; count < 3; count++) await attempt();
    world.silent = true;
    expect(await attempt()).toBe("socket: nothing");
    world.works = new Set(["http"]);
    expect(await attempt()).toBe("http: opened");
  });

  it("[CL-3] counts for each address", async () => {
    const { attempt, world } = ways();
    world.works = new Set(["http"]);
    for (let count = 0; count < 3; count++) await attempt();
    expect(await attempt("ws://other/ws")).toBe("socket: closed");
    expect(await attempt()).toBe("socket http: opened");
  });

  it("[CL-3] passes on what is sent and what comes, and lives with a part that cannot be loaded", async () => {
    const { attempt, world, open, last } = ways();
    for (let count = 0; count < 3; count++) await attempt();
    world.works = new Set(["http"]);
    const told: string[] = [];
    const events = {
      opened: () => told.push("opened"),
      received: (frame: unknown) => told.push(String(frame)),
      closed: (code: number) => told.push(`closed ${code}`),
    };
    const socket = open(url, events, ["partita", "bearer.x"]);
    await settle();
    expect(last().protocols).toEqual(["partita", "bearer.x"]);
    socket.send('{"id":"c1"}');
    last().frame("hello");
    socket.close();
    await settle();
    expect(last().sent).toEqual([{ id: "c1" }]);
    expect(last().closed).toBe(true);
    expect(told.slice(0, 2)).toEqual(["opened", "hello"]);

    const offline = ways({ loads: false });
    for (let count = 0; count < 3; count++) await offline.attempt();
    expect(await offline.attempt()).toBe(": closed");
  });
});
