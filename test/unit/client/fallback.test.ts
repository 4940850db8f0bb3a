import { describe, expect, it } from "vitest";
import { httpFallback } from "../../../src/client/transport/http-fallback.ts";
import { withFallback } from "../../../src/client/transport/fallback.ts";
import type { OpenByHttp } from "../../../src/client/transport/http-socket.ts";
import { FakeSocket, settle } from "./harness.ts";

const url = "ws://server/v1/partitions/room/ws";
const minutes = 60_000;

type Way = "socket" | "http";

/** Records which way each attempt takes. `works`: the ways that open; the others fail, or stay silent. */
function ways({ loads = true } = {}) {
  const world = {
    now: 0,
    works: new Set<Way>(),
    silent: false,
    refuses: false,
    seen: [] as Way[],
    events: [] as string[],
  };
  let last: FakeSocket | undefined;
  const opener =
    (way: Way) =>
    (...given: ConstructorParameters<typeof FakeSocket>) => {
      const socket = new FakeSocket(...given);
      world.seen.push(way);
      last = socket;
      if (world.works.has(way)) queueMicrotask(() => socket.open());
      // Two events, as in Node.
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
  /** Makes one attempt. Returns its ways and its first event. */
  const attempt = async (address = url): Promise<string> => {
    world.seen = [];
    const reported: string[] = (world.events = []);
    const events = {
      opened: () => reported.push("opened"),
      received: (frame: unknown) => reported.push(String(frame)),
      closed: () => reported.push("closed"),
    };
    const socket = open(address, events, ["partita"]);
    await settle();
    const outcome = reported[0] ?? "nothing";
    if (reported.at(-1) !== "closed") socket.close();
    await settle();
    return `${world.seen.join(" ")}: ${outcome}`;
  };
  return { world, open, attempt, last: () => last! };
}

describe("where WebSockets are blocked", () => {
  it("[CL-3] [CL-5] after three failures tries HTTP in the same attempt; if that works, begins with HTTP for ten minutes", async () => {
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
    // From now on it is as at the start.
    world.works = new Set(["http"]);
    for (let count = 0; count < 3; count++) expect(await attempt()).toBe("socket: closed");
  });

  it("[CL-3] [LC-5] finds a server that was unreachable by WebSocket again, and does not begin with HTTP after HTTP was refused", async () => {
    const { attempt, world } = ways();
    for (let count = 0; count < 3; count++) await attempt();
    for (let count = 0; count < 5; count++) expect(await attempt()).toBe("socket http: closed");
    world.works = new Set(["socket", "http"]);
    expect(await attempt()).toBe("socket: opened");

    // The application gets the refusal of the server; but this is not a way that has worked.
    const full = ways();
    full.world.refuses = true;
    for (let count = 0; count < 3; count++) await full.attempt();
    for (let count = 0; count < 2; count++) {
      expect(await full.attempt()).toBe("socket http: opened");
      expect(full.world.events).toEqual(["opened", "no place", "closed"]);
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

  it("[CL-3] after a WebSocket without any event, the next attempt begins with HTTP", async () => {
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

  it("[CL-3] passes on frames in both directions, and continues if the fallback cannot be loaded", async () => {
    const { attempt, world, open, last } = ways();
    for (let count = 0; count < 3; count++) await attempt();
    world.works = new Set(["http"]);
    const reported: string[] = [];
    const events = {
      opened: () => reported.push("opened"),
      received: (frame: unknown) => reported.push(String(frame)),
      closed: (code: number) => reported.push(`closed ${code}`),
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
    expect(reported.slice(0, 2)).toEqual(["opened", "hello"]);

    const offline = ways({ loads: false });
    for (let count = 0; count < 3; count++) await offline.attempt();
    // A browser does not load a file again that it could not load once.
    expect(await offline.attempt()).toBe("socket: closed");
    offline.world.works = new Set(["socket"]);
    expect(await offline.attempt()).toBe("socket: opened");
  });
});
