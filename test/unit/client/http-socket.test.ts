import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { openByHttp } from "../../../src/client/transport/http-socket.ts";

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A server that opens streams; `post` answers requests that carry frames. */
async function serve(
  open: (answer: ServerResponse) => void,
  post: (answer: ServerResponse) => void = (answer) => void answer.writeHead(202).end(),
) {
  const asked: { url: string; token: string | undefined; body: { before: number; frames: string[] } }[] = [];
  let stream: ServerResponse | undefined;
  const server = createServer(async (request: IncomingMessage, answer) => {
    let body = "";
    for await (const piece of request.setEncoding("utf8")) body += piece as string;
    asked.push({ url: request.url!, token: request.headers.authorization, body: JSON.parse(body || "null") });
    if (request.url!.endsWith("/connection")) {
      stream = answer;
      open(answer);
    } else post(answer);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  stops.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}/v1/partitions/room/ws`, asked, tell: (text: string) => stream!.write(text) };
}

const begin = (answer: ServerResponse) => {
  answer.writeHead(200, { "content-type": "text/event-stream" });
  answer.write('event: connection\ndata: {"connectionId":"abc"}\n\n');
};

/** A socket and its events. */
function connect(url: string, protocols: string[] = []) {
  const reports: string[] = [];
  let wake = () => {};
  const tell = (text: string) => {
    reports.push(text);
    wake();
  };
  const socket = openByHttp(
    url,
    {
      opened: () => tell("opened"),
      refused: (frame) => tell(`refused ${frame}`),
      received: (frame) => tell(String(frame)),
      closed: (code, reason) => tell(`closed ${code} ${reason}`),
    },
    protocols,
  );
  stops.push(() => socket.close());
  const until = async (holds: () => boolean) => {
    while (!holds()) await Promise.race([new Promise<void>((resolve) => (wake = resolve)), sleep(5)]);
  };
  return { socket, reports, until };
}
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe("a connection without a WebSocket", () => {
  it("[CL-5] [WP-12] sends frames of one turn together, and one request at a time", async () => {
    const answers: ServerResponse[] = [];
    const { url, asked, tell } = await serve(begin, (answer) => answers.push(answer));
    const { socket, reports, until } = connect(url);
    await until(() => reports.length === 1);
    socket.send("a");
    socket.send("b");
    await until(() => answers.length === 1);
    socket.send("c");
    await sleep(20);
    expect(asked.slice(1).map(({ url: path, body }) => [path, body])).toEqual([
      ["/v1/partitions/room/connection/abc", { before: 0, frames: ["a", "b"] }],
    ]);
    answers[0]!.writeHead(202).end();
    await until(() => answers.length === 2);
    expect(asked.at(-1)!.body).toEqual({ before: 2, frames: ["c"] });
    tell('data: {"type":"x"}\n\n:\n\nevent: end\ndata: {"code":1012,"reason":"recycled"}\n\n');
    await until(() => reports.length === 3);
    expect(reports).toEqual(["opened", '{"type":"x"}', "closed 1012 recycled"]);
  });

  it("[CL-5] puts no more into one request than the server accepts", async () => {
    const { url, asked } = await serve(begin);
    const { socket, reports, until } = connect(url);
    await until(() => reports.length === 1);
    const frames = Array.from({ length: 600 }, (_, at) => `"${at}"${"é".repeat(1_000)}`);
    for (const frame of frames) socket.send(frame);
    await until(() => asked.slice(1).reduce((sum, { body }) => sum + body.frames.length, 0) === 600);
    expect(asked.slice(1).flatMap(({ body }) => body.frames)).toEqual(frames);
    for (const { body } of asked.slice(1)) expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThan(1024 * 1024);
  });

  it("[AU-1] sends the token as a header, and a renewed token starting with the request that renews it", async () => {
    const { url, asked } = await serve(begin);
    const { socket, reports, until } = connect(url, ["partita", "bearer.one"]);
    await until(() => reports.length === 1);
    socket.send(JSON.stringify({ type: "presence", payload: { state: { type: "renew", token: "no" } } }));
    await until(() => asked.length === 2);
    socket.send(JSON.stringify({ id: "c", type: "renew", timestamp: 1, payload: { token: "two" } }));
    await until(() => asked.length === 3);
    expect(asked.map(({ token }) => token)).toEqual(["Bearer one", "Bearer one", "Bearer two"]);
    expect(asked.map(({ url: path }) => path).join()).not.toContain("one");
  });

  it("[CL-3] a request that fails, or a stream that ends, is a lost connection", async () => {
    const failing = await serve(begin, (answer) => void answer.writeHead(404).end());
    const first = connect(failing.url);
    await first.until(() => first.reports.length === 1);
    first.socket.send("a");
    await first.until(() => first.reports.length === 2);
    expect(first.reports[1]).toMatch(/^closed 1006 .*404/);
    const ending = await serve((answer) => {
      begin(answer);
      answer.end();
    });
    const second = connect(ending.url);
    await second.until(() => second.reports.length === 2);
    expect(second.reports).toEqual(["opened", "closed 1006 the stream has ended"]);
  });

  it("[ER-5] reports why it was refused; another kind of response is a lost connection", async () => {
    const problem = { code: "rate_limited", detail: "no", timestamp: 7, retryable: true, retryAfter: 30 };
    const refusal = async (problem: object) => {
      const refusing = await serve((answer) => {
        answer.writeHead(429, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
      });
      const refused = connect(refusing.url);
      await refused.until(() => refused.reports.length === 2);
      expect(refused.reports[1]).toMatch(/^closed 1006/);
      return JSON.parse(refused.reports[0]!.slice("refused ".length)) as { type: string; payload: object };
    };
    expect(await refusal(problem)).toMatchObject({ type: "error", payload: { message: "no", ...problem } });
    // This limit is only for connections over HTTP: it does not delay a WebSocket.
    const { payload } = await refusal({ ...problem, code: "too_many_connections" });
    expect(payload).toEqual({
      message: "no",
      code: "too_many_connections",
      detail: "no",
      timestamp: 7,
      retryable: true,
    });
    const older = await serve((answer) => {
      const none = JSON.stringify({ ...problem, code: "not_found", retryable: false });
      answer.writeHead(404, { "content-type": "application/problem+json" }).end(none);
    });
    const early = connect(older.url);
    await early.until(() => early.reports.length === 1);
    expect(early.reports[0]).toMatch(/^closed 1006/);
    const portal = await serve((answer) => {
      answer.writeHead(200, { "content-type": "text/html" }).end("<p>Sign in to this network</p>");
    });
    const other = connect(portal.url);
    await other.until(() => other.reports.length === 1);
    expect(other.reports[0]).toMatch(/^closed 1006/);
  });
});
