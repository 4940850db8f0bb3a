import { type Client, createClient } from "../../src/client/index.ts";
import { memoryStore } from "../../src/client/stores/memory.ts";
import type { Ports } from "../../src/client/transport/ports.ts";
import { editOf, text, textIn, type Texts } from "../../src/models/text/index.ts";
import { room } from "./merging-room.ts";
import { mappedOver, type Trace, typedIn } from "./text-traces.ts";

/** What a replay by two clients came to. */
export interface ClientsReplayed {
  /** The texts of the server, of both clients, and of a client that comes afterwards. */
  texts: readonly string[];
  /** How many drafts the server has mapped over events that they were not made on. */
  transformed: number;
  /** How many were typed on an event that their author had not seen: without it, what was typed before could not be sent. */
  early: number;
  /** The most drafts of a client that waited at once. */
  pendingMax: number;
}

interface Message {
  type: string;
  payload: { draftId: string; eventId: number; expectedEventId: number };
}

/** The production client of an author, to which events of the other one come only as far as they are `allowed`. */
class Author {
  readonly client: Client<{ texts: Texts }, any, any>;
  /** How many events of the other author may come, and have come. */
  allowed = 0;
  received = 0;
  transformed = 0;
  readonly #held: { isOfOther: boolean; deliver: () => void }[] = [];
  /** The events that the drafts that were sent were made on. */
  readonly #bases = new Map<string, number>();

  constructor(name: string, partition: string, ports: Ports) {
    this.client = createClient({
      url: "https://partita.test",
      partition,
      model: text,
      store: memoryStore(),
      clientId: name,
      principal: name,
      token: () => `header.${Buffer.from(JSON.stringify({ sub: name })).toString("base64url")}.signature`,
      ports: this.#gated(ports),
    });
  }

  /** Delivers what may come, in the order in which it was sent. */
  deliver(): void {
    for (let first = this.#held[0]; first; first = this.#held[0]) {
      if (first.isOfOther && this.received >= this.allowed) return;
      if (first.isOfOther) this.received++;
      this.#held.shift();
      first.deliver();
    }
  }

  #gated(ports: Ports): Ports {
    return {
      ...ports,
      open: (url, events, protocols) => {
        const socket = ports.open(
          url,
          {
            ...events,
            received: (frame) => {
              for (const message of [JSON.parse(frame as string) as Message | Message[]].flat()) {
                const { type, payload } = message;
                if (type === "event_accepted" && payload.eventId - 1 > this.#bases.get(payload.draftId)!)
                  this.transformed++;
                const deliver = () => events.received(JSON.stringify(message));
                this.#held.push({ isOfOther: type === "broadcast", deliver });
              }
              this.deliver();
            },
          },
          protocols,
        );
        return {
          send: (frame) => {
            for (const { type, payload } of [JSON.parse(frame) as Message | Message[]].flat())
              if (type === "submit_event") this.#bases.set(payload.draftId, payload.expectedEventId);
            socket.send(frame);
          },
          close: (...given) => socket.close(...given),
        };
      },
    };
  }
}

/**
 * Replays a trace by two production clients: what each has of the other when it types is what the parents of its transaction
 * say, because the delivery of later events is held back. What it types meanwhile is pending. Each transaction is a draft.
 */
export async function replayByClients(trace: Pick<Trace, "txns">): Promise<ClientsReplayed> {
  const partition = room();
  const authors: Author[] = [];
  for (const name of ["author-0", "author-1"]) {
    const device = await partition.connect(name);
    await device.client.close();
    authors.push(new Author(name, "text-1", device.ports));
    await partition.advance(0);
  }
  const typed = [0, 0];
  let [early, pendingMax] = [0, 0];
  const all = typedIn(trace);
  for (let next = all.next(); !next.done;) {
    const { agent, changes, unknown } = next.value;
    const author = authors[agent]!;
    const other = authors[1 - agent]!;
    author.allowed = Math.max(author.allowed, typed[1 - agent]! - unknown.length);
    author.deliver();
    await partition.advance(0);
    while (author.received < typed[1 - agent]! - unknown.length) {
      // The other client has not sent it: it waits for a verdict, which is behind an event that its author does not know yet.
      if (other.received >= typed[agent]!) throw new Error("an event does not come, and nothing is before it");
      other.allowed = Math.max(other.allowed, other.received + 1);
      other.deliver();
      await partition.advance(0);
    }
    const had = unknown.slice(0, author.received - (typed[1 - agent]! - unknown.length));
    if (had.length > 0) early++;
    const payload = editOf("d", mappedOver(changes, had, agent));
    // With a signal it stays a draft of its own.
    void author.client.submit("edit", payload, { signal: new AbortController().signal });
    pendingMax = Math.max(pendingMax, author.client.pending.length);
    typed[agent]!++;
    next = all.next(mappedOver(changes, unknown, agent));
  }
  const isDone = () =>
    authors.every(({ client }) => client.pending.length === 0 && client.eventId === trace.txns.length);
  for (let left = trace.txns.length; left >= 0 && !isDone(); left--) {
    for (const author of authors) {
      author.allowed = Infinity;
      author.deliver();
    }
    await partition.advance(0);
  }
  const reader = await partition.connect("reader");
  await reader.client.ready;
  const shown = [...authors, reader].map(({ client }) => client.read(({ texts }) => textIn(texts, "d")));
  return {
    texts: [textIn((await partition.state()).texts, "d"), ...shown],
    transformed: authors.reduce((sum, { transformed }) => sum + transformed, 0),
    early,
    pendingMax,
  };
}
