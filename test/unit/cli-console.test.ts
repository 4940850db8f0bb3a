import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  request,
  type RequestOptions,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { serveConsole } from "../../src/cli/console/serve.ts";
import { type Site, siteIn } from "../../src/cli/console/site.ts";
import { Mistake } from "../../src/cli/mistake.ts";
import { freePort } from "../support/processes.ts";

const site: Site = {
  files: new Map([["/console", { type: "text/html; charset=utf-8", contents: Buffer.from("<p>the console</p>") }]]),
  headers: { "Content-Security-Policy": "default-src 'none'" },
};
const started: Server[] = [];

afterEach(() => {
  for (const server of started.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** A server that the console is of. Returns its address. */
async function behind(answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void): Promise<URL> {
  const server = createServer(answer);
  started.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

async function consoleOf(target: URL): Promise<number> {
  const port = await freePort();
  started.push(await serveConsole(site, target, port));
  return port;
}

interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  text: string;
}

/** `fetch` sets some of these headers by itself. */
async function ask(port: number, path: string, options: RequestOptions = {}, body = ""): Promise<Answer> {
  const asked = request({ host: "127.0.0.1", port, path, agent: false, ...options });
  // Where the server answers before it has read all.
  asked.on("error", () => undefined);
  asked.end(body);
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  const chunks = await answer.toArray();
  return { status: answer.statusCode!, headers: answer.headers, text: Buffer.concat(chunks).toString() };
}

describe("partita console", () => {
  it("[OB-4] [AU-8] passes requests for data on, as a program sends them, and the answers back", async () => {
    const seen: object[] = [];
    const target = await behind(({ method, url, headers }, outgoing) => {
      seen.push({ method, url, ...headers });
      outgoing.writeHead(201, { "content-type": "application/json", "partita-trace-id": "t1", "set-cookie": "a=b" });
      outgoing.end('{"eventId":1}');
    });
    const port = await consoleOf(target);
    const headers = {
      authorization: "Bearer x",
      "partita-reason": "a%20test",
      origin: `http://127.0.0.1:${port}`,
      "sec-fetch-site": "same-origin",
      cookie: "session=1",
      "x-forwarded-for": "10.0.0.1",
      "partita-author": "{}",
    };
    const answer = await ask(port, "/v1/partitions/room/drain?a=1", { method: "POST", headers }, '{"seconds":1}');
    expect(answer).toMatchObject({ status: 201, text: '{"eventId":1}' });
    expect(answer.headers).toMatchObject({ "partita-trace-id": "t1", "content-security-policy": "default-src 'none'" });
    expect(answer.headers).not.toHaveProperty("set-cookie");
    expect(seen).toMatchObject([
      {
        method: "POST",
        url: "/v1/partitions/room/drain?a=1",
        host: target.host,
        authorization: "Bearer x",
        "partita-reason": "a%20test",
      },
    ]);
    for (const name of ["origin", "cookie", "x-forwarded-for", "partita-author"])
      expect(seen[0]).not.toHaveProperty(name);
    expect(await ask(port, "/metrics")).toMatchObject({ status: 201 });
  });

  it("[OB-4] [AU-7] refuses pages of other origins, other names of this machine, and what it is not for", async () => {
    let asked = 0;
    const port = await consoleOf(
      await behind((_, outgoing) => {
        asked++;
        outgoing.end();
      }),
    );
    const data = "/v1/partitions/room/events";
    const refused: [string, RequestOptions, number][] = [
      [data, { headers: { host: "evil.example" } }, 403],
      ["/console", { headers: { host: `evil.example:${port}` } }, 403],
      [data, { headers: { origin: "https://evil.example" } }, 403],
      [data, { headers: { origin: "null" } }, 403],
      // Another server of this machine.
      [data, { method: "POST", headers: { origin: "http://127.0.0.1:8787" } }, 403],
      [data, { headers: { "sec-fetch-site": "cross-site" } }, 403],
      [data, { headers: { "sec-fetch-site": "same-site" } }, 403],
      ["/api/token", { method: "POST" }, 404],
      ["/v1/../api/token", {}, 404],
      ["/v1", {}, 404],
      ["//evil.example/console.html", {}, 404],
      ["/console", { method: "POST" }, 405],
    ];
    for (const [path, options, status] of refused) {
      const answer = await ask(port, path, options);
      expect({ path, ...options, status: answer.status }).toEqual({ path, ...options, status });
      expect(JSON.parse(answer.text)).toMatchObject({ status, detail: expect.any(String) });
      expect(answer.headers).toHaveProperty("content-security-policy");
    }
    expect(asked).toBe(0);
    expect(await ask(port, "/")).toMatchObject({ status: 302, headers: { location: "/console" } });
    expect(await ask(port, "/console")).toMatchObject({ status: 200, text: "<p>the console</p>" });
    expect(await ask(port, "/console", { headers: { host: `localhost:${port}` } })).toMatchObject({ status: 200 });
    // A path that only looks as one of another server goes to the named one.
    expect(await ask(port, "//evil.example/v1/partitions")).toMatchObject({ status: 200 });
    expect(asked).toBe(1);
  });

  it("[OB-4] says why the server has not answered, and reads no body that is too large", async () => {
    const nobody = new URL(`http://127.0.0.1:${await freePort()}`);
    const silent = await ask(await consoleOf(nobody), "/metrics");
    expect(silent).toMatchObject({ status: 502, text: expect.stringContaining("ECONNREFUSED") });
    const port = await consoleOf(
      await behind((_, outgoing) => void outgoing.writeHead(308, { location: "https://b.example/" }).end()),
    );
    expect(await ask(port, "/metrics")).toMatchObject({
      status: 502,
      text: expect.stringContaining("redirects to https://b.example/: name that by --url"),
    });
    const large = await ask(port, "/v1/partitions/a/drain", { method: "POST" }, "x".repeat(64 * 1024 + 1));
    expect(large).toMatchObject({ status: 413, headers: { connection: "close" } });
  });

  it("[OB-4] passes a stream on as it comes, and ends it where its reader leaves, or where it breaks off", async () => {
    const streams: ServerResponse[] = [];
    const port = await consoleOf(
      await behind((_, outgoing) => {
        streams.push(outgoing);
        outgoing.writeHead(200, { "content-type": "text/event-stream" }).write("id: 1\n\n");
      }),
    );
    const open = async (): Promise<IncomingMessage> => {
      const asked = request({ host: "127.0.0.1", port, path: "/v1/partitions/a/events/stream", agent: false }).end();
      const [answer] = (await once(asked, "response")) as [IncomingMessage];
      const [first] = (await once(answer, "data")) as [Buffer];
      expect(first.toString()).toBe("id: 1\n\n");
      return answer;
    };
    const reader = await open();
    streams[0]!.write("id: 2\n\n");
    expect(String((await once(reader, "data"))[0])).toBe("id: 2\n\n");
    reader.destroy();
    await once(streams[0]!, "close");

    const cut = await open();
    const broken = once(cut, "error");
    streams[1]!.destroy();
    expect(await broken).toMatchObject([{ code: "ECONNRESET" }]);
  });

  it("[OB-4] waits for no answer where its reader has left", async () => {
    let asked!: (incoming: IncomingMessage) => void;
    const arrived = new Promise<IncomingMessage>((resolve) => (asked = resolve));
    const port = await consoleOf(await behind((incoming) => asked(incoming)));
    const reader = request({ host: "127.0.0.1", port, path: "/metrics", agent: false }).end();
    reader.on("error", () => undefined);
    const incoming = await arrived;
    // It is aborted, which is an error, too.
    incoming.on("error", () => undefined);
    const ended = new Promise((resolve) => incoming.once("close", resolve));
    reader.destroy();
    await ended;
  });

  it("[OB-4] [EC-4] says in one line that its port is taken, or that its files are not there", async () => {
    const taken = await behind(() => undefined);
    await expect(serveConsole(site, taken, Number(taken.port))).rejects.toThrow(
      new Mistake(`Port ${taken.port} is in use: name another one by --port.`),
    );
    const empty = mkdtempSync(join(tmpdir(), "partita-console-"));
    expect(() => siteIn(empty, "http://127.0.0.1:8787")).toThrow(/^The console is in the packed package/);
    rmSync(empty, { recursive: true });
  });
});
