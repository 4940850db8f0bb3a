import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isLoopback } from "../../identity/settings.ts";
import { listen, loopbackHost } from "../port.ts";
import { forward, refuse } from "./forward.ts";
import { consolePath, type Site } from "./site.ts";

/** Connections at once: a browser opens six. */
const connectionsMax = 64;
/** What the console asks the server for. Everything else is not passed on. */
const forwarded = /^\/v1\/|^\/metrics$/;

/**
 * Serves the console on this machine, and passes what it asks for on to a server. Returns when it listens.
 *
 * @throws Mistake where the port is taken.
 */
export async function serveConsole(site: Site, target: URL, port: number): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing, site, target).catch(() => outgoing.destroy());
  });
  server.maxConnections = connectionsMax;
  await listen(server, port);
  return server;
}

async function answer(incoming: IncomingMessage, outgoing: ServerResponse, site: Site, target: URL): Promise<void> {
  for (const [name, value] of Object.entries(site.headers)) outgoing.setHeader(name, value);
  const { headers, method = "GET", url = "/" } = incoming;
  const own = `http://${headers.host ?? ""}`;
  // The name of another page could have been made to resolve to this machine (DNS rebinding).
  if (!URL.canParse(own) || !isLoopback(new URL(own).hostname))
    return refuse(outgoing, 403, "Not for this host", `This console answers at http://${loopbackHost} only.`);
  if (!URL.canParse(url, own)) return refuse(outgoing, 400, "Bad request", "The address cannot be read.");
  const { pathname, search } = new URL(url, own);
  if (forwarded.test(pathname)) {
    if (isOfOther(incoming, own))
      return refuse(outgoing, 403, "Origin not allowed", "Only the page of this console may ask here.");
    return await forward(incoming, outgoing, new URL(`${pathname}${search}`, target));
  }
  if (pathname === "/") return void outgoing.writeHead(302, { location: consolePath }).end();
  const file = site.files.get(pathname);
  if (!file) return refuse(outgoing, 404, "Not found", `There is nothing here: see ${consolePath}.`);
  if (method !== "GET" && method !== "HEAD") {
    outgoing.setHeader("allow", "GET, HEAD");
    return refuse(outgoing, 405, "Method not allowed", "This is a file: GET it.");
  }
  outgoing.writeHead(200, { "content-type": file.type, "content-length": file.contents.length });
  outgoing.end(method === "HEAD" ? undefined : file.contents);
}

/**
 * Whether a page of another origin has sent a request. It could not read the answer, but the request itself could act: a
 * server in open development mode trusts this machine.
 */
function isOfOther({ headers }: IncomingMessage, own: string): boolean {
  const site = headers["sec-fetch-site"];
  // "none": its user has typed the address.
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  return headers.origin !== undefined && headers.origin !== own;
}
