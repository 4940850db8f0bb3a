import type { Json, JsonObject } from "../../protocol/index.ts";
import { ServerError } from "../import/send.ts";

/** An event on the wire "1.0". */
export interface WireEvent {
  committedId: number;
  id: string;
  partition: string;
  userId?: string;
  type: string;
  schemaVersion: number;
  payload: JsonObject;
  meta: { clientTs?: number };
  serverTs: number;
}

interface Message {
  type: string;
  payload: { events?: WireEvent[]; hasMore?: boolean; nextSinceCommittedId?: number; code?: string; message?: string };
}

/** Events of a page: as many as the protocol allows. */
const pageEvents = 1_000;
/** How long an answer may take, in milliseconds. */
const answerMsMax = 60_000;

/**
 * The log of a project as a client of Insieme receives it, page by page: of this server, or of that of the package.
 *
 * @throws ServerError
 */
export async function* readProject(
  address: URL,
  { projectId, clientId, token }: { projectId: string; clientId: string; token: string },
): AsyncGenerator<WireEvent, void> {
  const socket = new WebSocket(address);
  const queue: (Message | ServerError)[] = [];
  let wake: (() => void) | undefined;
  const put = (arrived: Message | ServerError) => {
    queue.push(arrived);
    wake?.();
  };
  socket.addEventListener("message", ({ data }) => put(JSON.parse(String(data)) as Message));
  socket.addEventListener("close", ({ code }) =>
    put(new ServerError(`${address.href} has ended the connection: ${code}.`)),
  );
  socket.addEventListener("error", () => put(new ServerError(`${address.href} does not answer.`)));

  const arrives = async (type: string): Promise<Message["payload"]> => {
    for (;;) {
      const message = queue.shift();
      if (message instanceof Error) throw message;
      if (message?.type === type) return message.payload;
      if (message?.type === "error")
        throw new ServerError(`${address.href}: ${message.payload.code}: ${message.payload.message}`);
      if (message) continue;
      const late = setTimeout(
        () => put(new ServerError(`${address.href} has not answered for ${answerMsMax} ms.`)),
        answerMsMax,
      );
      await new Promise<void>((resolve) => (wake = resolve));
      clearTimeout(late);
    }
  };
  const send = (type: string, payload: Record<string, Json>) =>
    socket.send(JSON.stringify({ type, protocolVersion: "1.0", timestamp: Date.now(), payload }));

  try {
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      wake = () => reject(queue[0]);
    });
    send("connect", { token, clientId, projectId });
    await arrives("connected");
    for (let since = 0; ;) {
      send("sync", { projectId, sinceCommittedId: since, limit: pageEvents });
      const page = await arrives("sync_response");
      yield* page.events ?? [];
      since = page.nextSinceCommittedId ?? since;
      if (!page.hasMore) return;
    }
  } finally {
    socket.close();
  }
}
