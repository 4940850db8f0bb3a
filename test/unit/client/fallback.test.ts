import { describe, expect, it } from "vitest";
import { withFallback } from "../../../src/client/fallback.ts";
import { FakeSocket, settle } from "./harness.ts";

const url = "ws://server/v1/partitions/room/ws";
const minutes = 60_000;

/** What was opened, each attempt by which way. */
function ways({ loads = true } = {}) {
  const attempts: { way: "socket" | "http"; socket: FakeSocket }[] = [];
  const opener =
    (way: "socket" | "http") =>
    (...given: ConstructorParameters<typeof FakeSocket>) => {
      const socket = new FakeSocket(...given);
      attempts.push({ way, socket });
      return socket;
    };
  const world = { now: 0 };
  const load = async () => {
    if (!loads) throw new Error("no network");
    return opener("http");
  };
  const open = withFallback(opener("socket"), load, () => world.now);
  const told: string[] = [];
  const events = {
    opened: () => told.push("opened"),
    received: (frame: unknown) => told.push(String(frame)),
    closed: (code: number) => told.push(`closed ${code}`),
  };
  /** An attempt, which opens or not, and is over. */
  const attempt = async (opens: boolean, address = url) => {
    open(address, events, ["partita"]);
    await settle();
    const { way, socket } = attempts.at(-1)!;
    if (opens) socket.open();
    socket.end();
    return way;
  };
  return { attempts, world, open, events, told, attempt };
}

describe("where WebSockets are blocked", () => {
  it("[CL-3] [CL-5] tries three times, and then without; where that works it is kept up for ten minutes", async () => {
    const { attempt, world } = ways();
    expect([await attempt(false), await attempt(false), await attempt(false)]).toEqual(["socket", "socket", "socket"]);
    expect([await attempt(true), await attempt(false), await attempt(true)]).toEqual(["http", "http", "http"]);
    world.now += 10 * minutes - 1;
    expect(await attempt(true)).toBe("http");
    world.now += 10 * minutes;
    // Once, and not three times: it was blocked before.
    expect([await attempt(false), await attempt(true)]).toEqual(["socket", "http"]);
    world.now += 10 * minutes;
    expect([await attempt(true), await attempt(false), await attempt(false)]).toEqual(["socket", "socket", "socket"]);
  });

  it("[CL-3] goes by turns where neither opens: it may be the server", async () => {
    const { attempt } = ways();
    const seen = [];
    for (let count = 0; count < 7; count++) seen.push(await attempt(false));
    expect(seen).toEqual(["socket", "socket", "socket", "http", "socket", "http", "socket"]);
  });

  it("[CL-3] counts for each address, and only attempts that never opened", async () => {
    const { attempt } = ways();
    for (let count = 0; count < 3; count++) await attempt(false);
    expect(await attempt(true, "ws://other/ws")).toBe("socket");
    expect(await attempt(true)).toBe("http");
    const fine = ways();
    await fine.attempt(false);
    await fine.attempt(false);
    await fine.attempt(true);
    expect([await fine.attempt(false), await fine.attempt(false), await fine.attempt(false)]).toEqual(
      Array.from({ length: 3 }, () => "socket"),
    );
  });

  it("[CL-3] passes on what is sent and what comes, and lives with a part that cannot be loaded", async () => {
    const { attempt, attempts, open, events, told } = ways();
    for (let count = 0; count < 3; count++) await attempt(false);
    const socket = open(url, events, ["partita", "bearer.x"]);
    await settle();
    const last = attempts.at(-1)!.socket;
    expect(last.protocols).toEqual(["partita", "bearer.x"]);
    last.open();
    socket.send('{"id":"c1"}');
    last.frame("hello");
    socket.close();
    await settle();
    expect(last.sent).toEqual([{ id: "c1" }]);
    expect(last.closed).toBe(true);
    expect(told.slice(-2)).toEqual(["opened", "hello"]);

    const offline = ways({ loads: false });
    for (let count = 0; count < 3; count++) await offline.attempt(false);
    const none = offline.open(url, offline.events, []);
    none.close();
    await settle();
    expect(offline.told.at(-1)).toBe("closed 1006");
  });
});
