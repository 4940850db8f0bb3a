// Starts what `next build` has made, and looks at the page and at the route.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { once } from "node:events";

const probe = createServer().listen(0, "127.0.0.1");
await once(probe, "listening");
const { port } = probe.address();
probe.close();
await once(probe, "close");

const server = spawn(
  process.execPath,
  ["node_modules/next/dist/bin/next", "start", "-H", "127.0.0.1", "-p", `${port}`],
  {
    stdio: ["ignore", "pipe", "inherit"],
  },
);
try {
  for await (const text of server.stdout.setEncoding("utf8")) if (/ready/i.test(text)) break;
  server.stdout.resume();
  const read = async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  const outcome = await read("/api/book");
  if (outcome !== "accepted, rejected: TAKEN") throw new Error(`the outcome is "${outcome}"`);
  const page = await read("/");
  if (!/A1: (<!-- -->)?Ada/.test(page)) throw new Error(`the page does not show the state: ${page}`);
} finally {
  server.kill();
}
