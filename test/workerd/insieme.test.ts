import { env, evictDurableObject, SELF } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { fresh, type Message, Wire } from "./wire.ts";

/** A client of the Insieme wire, on a real WebSocket through the Worker. */
class Client {
  readonly messages: Message[] = [];
  closed: number | undefined;
  readonly #socket: WebSocket;
  readonly #project: string;

  private constructor(project: string, socket: WebSocket) {
    this.#project = project;
    this.#socket = socket;
    socket.accept();
    socket.addEventListener("message", ({ data }) => void this.messages.push(JSON.parse(data as string)));
    socket.addEventListener("close", ({ code }) => void (this.closed = code));
  }

  static async open(
    project: string,
    path = `/insieme/${project}`,
    headers: Record<string, string> = {},
  ): Promise<Client> {
    const response = await SELF.fetch(`http://127.0.0.1${path}`, { headers: { upgrade: "websocket", ...headers } });
    expect(response.headers.get("sec-websocket-protocol")).toBe(
      headers["sec-websocket-protocol"]?.split(",")[0] ?? null,
    );
    return new Client(project, response.webSocket!);
  }

  static async connected(project: string, clientId: string, path?: string): Promise<Client> {
    const client = await Client.open(project, path);
    expect(await client.ask("connect", { token: "t", clientId })).toMatchObject({ type: "connected" });
    return client;
  }

  /** Sends a message, and returns the answer. */
  async ask(type: string, payload: object): Promise<Message> {
    const msgId = crypto.randomUUID();
    const message = { type, protocolVersion: "1.0", msgId, payload: { projectId: this.#project, ...payload } };
    this.#socket.send(JSON.stringify(message));
    return await this.found((answer) => answer.msgId === msgId);
  }

  async submit(...ids: string[]): Promise<Message[]> {
    const events = ids.map((id) => ({
      id,
      partition: "label",
      projectId: this.#project,
      type: "add",
      schemaVersion: 1,
      payload: { id },
      meta: { clientTs: 1 },
    }));
    return (await this.ask("submit_events", { events })).payload.results;
  }

  found(fits: (message: Message) => boolean): Promise<Message> {
    return vi.waitFor(() => {
      const message = this.messages.find(fits);
      if (!message) throw new Error("it has not come");
      return message;
    });
  }
}

const evict = (project: string) =>
  evictDurableObject(env.PARTITIONS.getByName(`default/${project}`), { webSockets: "hibernate" });

describe("clients of the Insieme wire", () => {
  it.each([
    ["its own address", (project: string) => `/insieme/${project}`],
    ["the address of our clients", (project: string) => `/v1/partitions/${project}/ws`],
  ])("[WP-13] [EC-11] connect by %s, submit and sync, and share the log with our clients", async (_, pathOf) => {
    const project = fresh("open");
    const a = await Client.connected(project, "a", pathOf(project));
    const b = await Client.connected(project, "b", pathOf(project));
    const ours = await Wire.connected(project, "ours");
    expect(await a.submit("one", "two")).toMatchObject([{ committedId: 1 }, { committedId: 2 }]);
    expect(await b.found(({ payload }) => payload.committedId === 2)).toMatchObject({ type: "event_broadcast" });
    expect((await ours.submit("d1", "add", { by: "ours" })).payload.eventId).toBe(3);
    expect(await a.found(({ payload }) => payload.committedId === 3)).toMatchObject({
      payload: { id: "evt-3", partition: project, meta: { clientId: "ours" }, payload: { by: "ours" } },
    });
    await ours.message(({ type, payload }) => type === "broadcast" && payload.eventId === 2);
    const page = await b.ask("sync", { sinceCommittedId: 0 });
    expect(page.payload.events.map(({ id }: Message) => id)).toEqual(["one", "two", "evt-3"]);
  });

  it("[WP-13] [LC-3] go on where they were when the object hibernates in the middle of a cycle", async () => {
    const project = fresh("open");
    const writer = await Client.connected(project, "a");
    await writer.submit("1", "2", "3");
    const reader = await Client.connected(project, "b");
    await reader.ask("sync", { sinceCommittedId: 0, limit: 2 });
    await evict(project);
    await writer.submit("4", "5");
    await evict(project);
    const last = await reader.ask("sync", { sinceCommittedId: 2, limit: 2 });
    expect(last.payload).toMatchObject({ hasMore: false, syncToCommittedId: 3 });
    await reader.found(({ payload }) => payload.committedId === 5);
    await evict(project);
    await writer.submit("6");
    await reader.found(({ payload }) => payload.committedId === 6);
    const broadcasts = reader.messages.filter(({ type }) => type === "event_broadcast");
    expect(broadcasts.map(({ payload }) => payload.committedId)).toEqual([4, 5, 6]);
  });

  it("[WP-13] get the first subprotocol that they offer, as from their own server", async () => {
    const project = fresh("open");
    const client = await Client.open(project, `/insieme/${project}`, { "sec-websocket-protocol": "insieme.v1, other" });
    expect(await client.ask("connect", { token: "t", clientId: "a" })).toMatchObject({ type: "connected" });
  });

  it("[WP-13] are ended where the address is that of another project", async () => {
    const project = fresh("open");
    const client = await Client.open(project);
    client.messages.length = 0;
    const answer = await client.ask("connect", { token: "t", clientId: "a", projectId: "other" });
    expect(answer.payload.code).toBe("forbidden");
    await vi.waitFor(() => expect(client.closed).toBe(4403));
  });
});
