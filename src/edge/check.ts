import { callObject } from "../platform/call.ts";
import { single } from "../core/index.ts";
import { authorHeader } from "../platform/rpc.ts";
import type { Failure, ServerMessage, Author } from "../protocol/index.ts";
import type { PartitionAccess } from "./env.ts";

/** The time limit of the whole check. */
const checkMsMax = 5_000;

const author: Author = { principal: "server:check", permissions: "all" };

/** How long each step took, in milliseconds. */
export interface CheckResult {
  status: "passed";
  connectMs: number;
  commitMs: number;
  broadcastMs: number;
}

/** Submits an event to the canary partition, and waits until another connection receives it. */
export async function check(stub: PartitionAccess["stub"], traceId: string): Promise<CheckResult | Failure> {
  const began = Date.now();
  const deadline = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), checkMsMax));
  const headers = { upgrade: "websocket", [authorHeader]: JSON.stringify(author) };
  const { webSocket } = await callObject(stub, (object) =>
    object.connect(new Request("http://partition/ws", { headers })),
  );
  if (!webSocket) return failed("the connection could not be opened");
  try {
    const messages = listen(webSocket);
    webSocket.send(
      JSON.stringify({
        id: "check",
        type: "connect",
        timestamp: began,
        payload: { clientId: "check", version: "1" },
      }),
    );
    if (!(await Promise.race([messages((message) => message.type === "connected"), deadline]))) {
      return failed("connect was not answered");
    }
    const connected = Date.now();
    const draft = { draftId: crypto.randomUUID(), event: { type: "beat", payload: {} }, expectedEventId: undefined };
    const answer = await callObject(stub, (object) =>
      object.submit({ author, clientId: "check", submission: single(draft), bytes: 0, context: { traceId } }),
    );
    if (answer.status !== 201) return failed(`the draft was answered by ${answer.status}`);
    const committed = Date.now();
    const { eventId } = JSON.parse(answer.body) as { eventId: number };
    const isIt = (message: ServerMessage) => message.type === "broadcast" && message.payload.eventId === eventId;
    if (!(await Promise.race([messages(isIt), deadline]))) return failed("the event was not broadcast");
    return {
      status: "passed",
      connectMs: connected - began,
      commitMs: committed - connected,
      broadcastMs: Date.now() - committed,
    };
  } finally {
    webSocket.close(1000);
  }
}

function failed(what: string): Failure {
  return { code: "partition_unavailable", detail: `The check failed: ${what}.`, retryAfter: 1 };
}

/** Returns a function that waits for a message: it searches the received messages first, then each new one. */
function listen(socket: WebSocket): (fits: (message: ServerMessage) => boolean) => Promise<ServerMessage> {
  const received: ServerMessage[] = [];
  let wake: (() => void) | undefined;
  socket.accept();
  socket.addEventListener("message", ({ data }) => {
    received.push(JSON.parse(data as string) as ServerMessage);
    wake?.();
  });
  return async (fits) => {
    for (;;) {
      const found = received.find(fits);
      if (found) return found;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
}
