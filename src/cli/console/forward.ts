import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { headersOfPages } from "../../protocol/headers.ts";

/** The largest body of a request: the console sends what administrators decide, and no events. */
const bodyBytesMax = 64 * 1024;
/** How long the server may take until it begins to answer: a past state takes the longest. */
const answerMsMax = 60_000;

/** Besides those that the pages of other origins may send and read. */
const passedOn = new Set(headersOfPages("request").map((name) => name.toLowerCase()));
const passedBack = [...headersOfPages("response"), "content-type"];

/** Answers with a problem of this program, in the shape that the server's problems have. */
export function refuse(outgoing: ServerResponse, status: number, title: string, detail: string): void {
  outgoing
    .writeHead(status, { "content-type": "application/problem+json" })
    .end(JSON.stringify({ status, title, detail }));
}

/**
 * Sends a request of the console to the server at an address, and passes the answer back while it comes. The server sees no
 * page, but a program: neither `Origin` nor cookies.
 */
export async function forward(incoming: IncomingMessage, outgoing: ServerResponse, address: URL): Promise<void> {
  const body = await bodyOf(incoming);
  if (body === undefined) {
    // The rest of the body is not read.
    outgoing.setHeader("connection", "close");
    return refuse(outgoing, 413, "Payload too large", `The console sends at most ${bodyBytesMax} bytes.`);
  }
  const given = Object.entries(incoming.headers).filter(([name]) => passedOn.has(name)) as [string, string][];
  // Who has closed the page reads nothing more. A stream of events would otherwise go on for ever.
  const left = new AbortController();
  outgoing.once("close", () => left.abort());
  const slow = setTimeout(() => left.abort(), answerMsMax);
  let answer: Response;
  try {
    answer = await fetch(address, {
      method: incoming.method!,
      headers: given,
      redirect: "manual",
      signal: left.signal,
      ...(body.length > 0 && { body: new Uint8Array(body) }),
    });
  } catch (error) {
    return unreachable(outgoing, address.origin, error as Error);
  } finally {
    clearTimeout(slow);
  }
  if (answer.status >= 300 && answer.status < 400 && answer.headers.has("location")) {
    await answer.body?.cancel();
    const to = answer.headers.get("location")!;
    return refuse(
      outgoing,
      502,
      "The server is elsewhere",
      `${address.origin} redirects to ${to}: name that by --url.`,
    );
  }
  const back = passedBack.flatMap((name) => (answer.headers.has(name) ? [[name, answer.headers.get(name)!]] : []));
  outgoing.writeHead(answer.status, Object.fromEntries(back));
  if (answer.body === null) outgoing.end();
  // Either end may go away: there is nobody to tell.
  else await pipeline(Readable.from(answer.body), outgoing).catch(() => outgoing.destroy());
}

function unreachable(outgoing: ServerResponse, origin: string, { message, cause, name }: Error): void {
  if (outgoing.destroyed) return;
  const why =
    name === "AbortError"
      ? `it has not answered within ${answerMsMax / 1_000} seconds`
      : cause instanceof Error
        ? cause.message || message
        : message;
  refuse(outgoing, 502, "The server cannot be reached", `${origin}: ${why}`);
}

/** The body of a request; undefined: it is too large. */
async function bodyOf(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Not destroyed by a return: the answer has to go out by the same socket.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bodyBytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
