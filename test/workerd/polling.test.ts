import { env, runInDurableObject, SELF } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { fresh, type Message, Wire } from "./wire.ts";

const frame = (type: string, payload: object, id = type) => JSON.stringify({ id, type, timestamp: 1, payload });
const connect = (clientId: string, more: object = {}) => frame("connect", { clientId, version: "1", ...more });
const draft = (draftId: string, value: unknown = 1) =>
  frame("submit_event", { draftId, event: { type: "set", payload: { target: draftId, value } } });

const ask = async (connections: object[], holdMs = 0): Promise<Response> =>
  await SELF.fetch("http://127.0.0.1/v1/poll", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ connections, holdMs }),
  });
const poll = async (connections: object[], holdMs?: number): Promise<Message[]> => {
  const response = await ask(connections, holdMs);
  expect(response.status).toBe(200);
  return ((await response.json()) as Message).connections;
};

/** One connection that is polled. */
class Polled {
  readonly partition: string;
  id: string | undefined;
  sent = 0;
  readonly frames: string[] = [];
  end: Message;

  constructor(partition: string) {
    this.partition = partition;
  }

  static async connected(partition: string, clientId = "a", more: object = {}): Promise<Polled> {
    const polled = new Polled(partition);
    await polled.poll([connect(clientId, more)]);
    return polled;
  }

  /** What it asks for. */
  ask(frames: string[] = []): object {
    const before = this.sent;
    this.sent += frames.length;
    return { partition: this.partition, connectionId: this.id, before, frames, received: this.frames.length };
  }

  take(answer: Message): void {
    expect(answer.partition).toBe(this.partition);
    expect(answer.problem).toBeUndefined();
    if (answer.connectionId === undefined) return;
    this.id = answer.connectionId;
    this.frames.splice(answer.from, Infinity, ...answer.frames);
    this.end = answer.end;
  }

  async poll(frames: string[] = [], holdMs = 0): Promise<void> {
    this.take((await poll([this.ask(frames)], holdMs))[0]);
  }

  get messages(): Message[] {
    return this.frames.flatMap((text) => JSON.parse(text) as Message);
  }

  of(type: string): Message[] {
    return this.messages.filter((message) => message.type === type);
  }
}

describe("polled connections", () => {
  it("[CL-14] [WP-1] open, connect, submit and receive with the frames of a WebSocket, each in one request", async () => {
    const room = fresh();
    const wire = await Wire.connected(room, "w", { echo: false });
    const polled = await Polled.connected(room);
    expect(polled.of("connected")[0].payload).toMatchObject({ currentEventIndex: 0 });
    await polled.poll([draft("mine")]);
    expect(polled.of("event_accepted")[0].payload).toMatchObject({ draftId: "mine", eventId: 1 });
    const theirs = await wire.message(({ type }) => type === "broadcast");
    expect(polled.frames).toContain(wire.frames.find((text) => text.includes('"broadcast"')));
    expect(theirs.payload.eventId).toBe(1);
    wire.close();
  });

  it("[CL-14] [WP-5] a poll waits until there is news, and no frame is lost or given twice", async () => {
    const room = fresh();
    const wire = await Wire.connected(room, "w");
    const polled = await Polled.connected(room);
    for (let count = 1; count <= 5; count++) {
      const held = polled.poll([], 20_000);
      await wire.submit(`d${count}`, "set", { target: "n", value: count });
      await held;
    }
    // What comes while nothing waits is given by the next one.
    await wire.submit("d6", "set", { target: "n", value: 6 });
    await polled.poll([], 20_000);
    expect(polled.of("broadcast").map(({ payload }) => payload.eventId)).toEqual([1, 2, 3, 4, 5, 6]);
    wire.close();
  });

  it("[CL-14] [WP-12] an answer that was lost is given again, and frames that are sent again count once", async () => {
    const room = fresh();
    const polled = await Polled.connected(room);
    const again = polled.ask([draft("once")]);
    const [lost] = await poll([again]);
    const [repeated] = await poll([again]);
    expect(repeated).toEqual(lost);
    polled.take(repeated);
    expect(polled.of("event_accepted")).toHaveLength(1);
    await polled.poll([frame("sync", { sinceEventId: 0 })]);
    expect(polled.of("sync_response")[0].payload.events).toHaveLength(1);
    // What has arrived for certain is not kept.
    const { received: _, ...rest } = polled.ask() as Message;
    expect((await poll([{ ...rest, received: 0 }]))[0].problem).toMatchObject({ code: "bad_request" });
    expect((await poll([polled.ask()]))[0].end ?? (await poll([polled.ask()]))[0].problem).toBeDefined();
  });

  it("[CL-14] one request serves 32 partitions: the first with news answers for all, and one that is refused does not disturb the others", async () => {
    const rooms = Array.from({ length: 32 }, () => fresh("many"));
    const all = rooms.map((room) => new Polled(room));
    const opened = await poll(all.map((polled) => polled.ask([connect("a")])));
    all.forEach((polled, at) => polled.take(opened[at]));
    for (const polled of all) if (polled.frames.length === 0) await polled.poll();
    expect(all.every((polled) => polled.of("connected").length === 1)).toBe(true);

    const held = poll(
      all.map((polled) => polled.ask()),
      20_000,
    );
    const wire = await Wire.connected(rooms[17]!, "w");
    await wire.submit("d", "set", { target: "n", value: 1 });
    const answers = await held;
    all.forEach((polled, at) => polled.take(answers[at]));
    expect(all.map((polled) => polled.of("broadcast").length)).toEqual(all.map((_, at) => (at === 17 ? 1 : 0)));
    wire.close();

    const [good, bad, gone] = await poll([
      all[0]!.ask([draft("fine")]),
      { partition: "no room" },
      { ...all[1]!.ask(), connectionId: "unknown" },
    ]);
    expect(good.frames[0]).toContain("event_accepted");
    expect([bad.problem.code, gone.problem.code]).toEqual(["bad_request", "not_found"]);

    expect((await ask([...all, all[0]!].map((polled) => polled.ask()))).status).toBe(400);
    expect((await ask([all[0]!.ask()], 25_001)).status).toBe(400);
  });

  it("[CL-14] [CL-8] ends at once where its client says so, and gives the last frames and the code where the server ends it", async () => {
    const room = fresh();
    const watcher = await Wire.connected(room, "w", { presence: true });
    const polled = await Polled.connected(room, "a", { presence: true });
    await polled.poll([frame("presence", { state: { at: 1 } })]);
    await watcher.message(({ type, payload }) => type === "presence" && payload.peers.length === 1);
    await poll([{ ...polled.ask(), end: true }]);
    await watcher.message(({ type, payload }) => type === "presence" && payload.gone.length === 1);
    expect((await poll([polled.ask()]))[0].problem.code).toBe("not_found");

    const drained = await Polled.connected(room);
    const stub = env.PARTITIONS.getByName(`default/${room}`);
    const held = drained.poll([], 20_000);
    await runInDurableObject(stub, (object) => (object as Message).drain(1));
    await held;
    expect(drained.of("draining")).toHaveLength(1);
    expect(drained.end).toMatchObject({ code: 1012 });
    watcher.close();
  });
});
