import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { frontHeader } from "../identity/settings.ts";
import { host } from "./address.ts";

/** What wrangler's development server believes of every client: `MF-Original-URL` replaces the address and the `Host`. */
const believedPrefix = "mf-";
/** wrangler's server would compress sockets by itself, whatever the Worker's flags say. */
const extensionsHeader = "sec-websocket-extensions";

/**
 * Stands in front of wrangler's development server, and passes everything on, but for the headers by which a
 * client could say that its request was for another address. So the Worker sees the `Host` that a browser has sent, and
 * refuses a page whose name was made to resolve to this machine (DNS rebinding).
 */
export function frontOf(portBehind: () => number): Server {
  const server = createServer((incoming, outgoing) => {
    const upstream = request(optionsOf(incoming, portBehind()), (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.statusMessage, answer.rawHeaders);
      answer.pipe(outgoing);
      // An answer that breaks off must not look like one that has ended.
      answer.once("error", () => outgoing.destroy());
    });
    upstream.once("error", () => {
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(502).end();
    });
    outgoing.once("close", () => upstream.destroy());
    incoming.pipe(upstream);
  });
  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    const upstream = request(optionsOf(incoming, portBehind()));
    const close = () => void (socket.destroy(), upstream.destroy());
    socket.once("error", close).once("close", close);
    upstream.once("error", close);
    upstream.once("response", (answer) => {
      socket.write(headOf(answer));
      answer.pipe(socket);
    });
    upstream.once("upgrade", (answer, behind: Socket, first: Buffer) => {
      behind.once("error", close).once("close", close);
      socket.write(headOf(answer));
      socket.write(first);
      behind.write(head);
      behind.pipe(socket).pipe(behind);
    });
    upstream.end();
  });
  // A stream of events has no end.
  server.requestTimeout = 0;
  return server;
}

function optionsOf({ method, url, headers }: IncomingMessage, port: number) {
  return { host, port, method, path: url, headers: passedOn(headers), setHost: false, agent: false as const };
}

function passedOn(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const kept = Object.entries(headers).filter(
    ([name]) => !name.startsWith(believedPrefix) && name !== extensionsHeader,
  );
  return { ...Object.fromEntries(kept), [frontHeader]: "1" };
}

/** The status line and the headers of an answer, as they came. */
function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}
