// Conversations between a client and a server, as earlier builds have had them: recorded, and to be had again.
// A build that is released is recorded by `npm run record-build -- NAME`.
import type { Client } from "../../../src/client/index.ts";
import type { SocketEvents } from "../../../src/client/transport/ports.ts";
import { type Message, type TestConnection, TestPartition } from "../../support/partition.ts";
import { FakeWorld, settle } from "./harness.ts";

/** What passed one connection, in its order. `mark`: here the others do something, or the connection is lost. */
export type Passed = { client: string } | { server: string } | { mark: string };

/** The server of a conversation. */
export interface Peer {
  open(events: SocketEvents): { send(frame: string): void; close(): void };
  /** Something happens at the server; its frames reach the client. */
  mark(name: string): void;
}

const marks: Record<string, (bob: TestConnection, server: LiveServer) => void> = {
  "bob writes": (bob) => void bob.submit("b-3", "set", { target: "from", value: "bob" }),
  "bob deletes": (bob, server) => {
    server.hold();
    bob.submit("b-4", "treeDelete", { target: "items", options: { id: "n-1" } });
  },
  "bob is received": (_, server) => server.release(),
  "bob shows himself": (bob) => void bob.send("presence", { state: { at: "bob" } }),
  lost: (_, server) => server.lose(),
  "bob writes meanwhile": (bob) => void bob.submit("b-5", "set", { target: "meanwhile", value: 5 }),
};

/** A partition of the code of today, with bob connected to it, and one connection that is recorded. */
export class LiveServer implements Peer {
  readonly passed: Passed[] = [];
  readonly #room = new TestPartition();
  readonly #bob: TestConnection;
  #connection: TestConnection | undefined;
  #events: SocketEvents | undefined;
  #received = 0;
  #held = false;

  constructor() {
    this.#bob = this.#room.client("bob", { presence: true });
    this.#bob.submit("b-1", "set", { target: "title", value: "Größe 😀" });
    this.#bob.submit("b-2", "set", { target: "items", value: {} });
    this.#bob.submit("b-2a", "treePush", { target: "items", value: { id: "n-1", name: "one" } });
  }

  get state(): unknown {
    return this.#room.state();
  }

  open(events: SocketEvents) {
    this.#connection = this.#room.open();
    this.#received = 0;
    this.#events = events;
    queueMicrotask(() => events.opened());
    return {
      send: (frame: string) => this.send(frame),
      close: () => {},
    };
  }

  /** A frame of the client arrives. */
  send(frame: string): void {
    if (!this.#connection || !(JSON.parse(frame) as { id?: string }).id) return;
    this.passed.push({ client: frame });
    this.#connection.raw(frame);
    this.#deliver();
  }

  mark(name: string): void {
    this.passed.push({ mark: name });
    marks[name]!(this.#bob, this);
    this.#deliver();
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
  }

  lose(): void {
    this.#room.close(this.#connection!);
    this.#connection = undefined;
    const events = this.#events;
    this.#events = undefined;
    events?.closed(1006, "");
  }

  #deliver(): void {
    // The timer of presence, and nothing else.
    this.#room.elapse(100);
    if (this.#held || !this.#connection) return;
    for (const frame of this.#connection.frames.slice(this.#received)) {
      this.passed.push({ server: frame });
      const events = this.#events;
      queueMicrotask(() => events?.received(frame));
    }
    this.#received = this.#connection.frames.length;
  }
}

/** What a client does in a conversation. Returns its verdicts. */
export async function converse(peer: Peer): Promise<{ client: Client<any, any>; verdicts: unknown[] }> {
  const world = new FakeWorld();
  const ports = { ...world.ports, open: (_url: string, events: SocketEvents) => peer.open(events) };
  const client = world.client({
    ports,
    engine: { url: "ws://server/v1/partitions/room/ws", token: undefined, presence: true },
  } as never) as unknown as Client<any, any>;
  const at = async (name: string) => {
    await settle();
    peer.mark(name);
    await settle();
  };
  await settle();
  const verdicts: unknown[] = [await client.submit("set", { target: "count", value: 1 })];
  await at("bob writes");
  await at("bob deletes");
  const late = client.submit("treeUpdate", { target: "items", value: { name: "two" }, options: { id: "n-1" } });
  await at("bob is received");
  verdicts.push(await late);
  verdicts.push(
    await client.submitBatch("atomic", [
      { type: "set", payload: { target: "a", value: 1 } },
      { type: "set", payload: { target: "b", value: [2], options: { replace: true } } },
    ]),
  );
  client.setPresence({ at: "me" });
  await world.pass(1_000);
  await at("bob shows himself");
  await at("lost");
  const offline = client.submit("set", { target: "offline", value: true });
  await at("bob writes meanwhile");
  // Before the first heartbeat.
  await world.pass(5_000);
  verdicts.push(await offline);
  await settle();
  return { client, verdicts };
}

/** The messages of a frame: it can be an array of them. */
export const messagesOf = (frame: string): Message[] => [JSON.parse(frame) as Message].flat();

/** What a client sends when it likes, and nothing answers. */
const isUnanswered = (frame: string): boolean => messagesOf(frame).every(({ type }) => type === "ack");

/** The server of a recording. */
export class RecordedServer implements Peer {
  readonly #passed: readonly Passed[];
  #at = 0;
  #events: SocketEvents | undefined;
  /** The ids of the recorded client, and those of the present one in their place. */
  readonly #ids = new Map<string, string>();

  constructor(passed: readonly Passed[]) {
    this.#passed = passed.filter((item) => !("client" in item && isUnanswered(item.client)));
  }

  /** How much was not said yet. */
  get left(): number {
    return this.#passed.length - this.#at;
  }

  open(events: SocketEvents) {
    this.#events = events;
    queueMicrotask(() => events.opened());
    return {
      send: (frame: string) => {
        if ((JSON.parse(frame) as { id?: string }).id && !isUnanswered(frame)) this.#answer(frame);
      },
      close: () => {},
    };
  }

  mark(name: string): void {
    const item = this.#passed[this.#at++];
    if (!item || !("mark" in item) || item.mark !== name) throw new Error(`"${name}" is not next: ${text(item)}`);
    if (name === "lost") {
      const events = this.#events;
      this.#events = undefined;
      events?.closed(1006, "");
    }
    this.#deliver();
  }

  #answer(frame: string): void {
    const item = this.#passed[this.#at++];
    const [sent, ...more] = messagesOf(frame);
    const recorded: Message = item && "client" in item ? JSON.parse(item.client) : undefined;
    if (more.length > 0 || recorded?.type !== sent.type) throw new Error(`sent ${frame}; next is ${text(item)}`);
    const ids = idsOf(sent);
    for (const [at, id] of idsOf(recorded).entries()) this.#ids.set(id, ids[at]!);
    this.#deliver();
  }

  #deliver(): void {
    for (let item; (item = this.#passed[this.#at]) && "server" in item; this.#at++) {
      let frame = item.server;
      for (const [recorded, present] of this.#ids) frame = frame.replaceAll(`"${recorded}"`, `"${present}"`);
      const events = this.#events;
      queueMicrotask(() => events?.received(frame));
    }
  }
}

/** The ids that a client chooses. */
function idsOf({ id, payload }: Message): string[] {
  const { draftId, batchId, events = [] } = payload;
  return [id, draftId, batchId, ...events.map((event: Message) => event.draftId)].filter((one) => one !== undefined);
}

const text = (item: Passed | undefined) => JSON.stringify(item);
