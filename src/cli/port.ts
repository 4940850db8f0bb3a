import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { Mistake } from "./mistake.ts";

const portDefault = 8787;

/** A port from `--port`, from the environment's PORT, or 8787. */
export function portOf(given: string | undefined): number {
  const text = given ?? process.env["PORT"] ?? String(portDefault);
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new Mistake(`The port must be a whole number from 1 to 65535, not "${text}".`, 2);
}

/** The only address that programs for developers listen at. */
export const loopbackHost = "127.0.0.1";

/** Has a server listen on this machine. @throws Mistake where the port is taken. */
export async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, loopbackHost);
  try {
    await once(server, "listening");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Mistake(code === "EADDRINUSE" ? `Port ${port} is in use: name another one by --port.` : message);
  }
}

/** @throws Mistake where something listens at a port of this machine. */
export async function assertFree(port: number): Promise<void> {
  const server = createServer();
  await listen(server, port);
  server.close();
  await once(server, "close");
}
