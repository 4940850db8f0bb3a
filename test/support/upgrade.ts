import { once } from "node:events";
import { connect } from "node:net";

/**
 * Upgrades to a WebSocket as a browser does, which offers to compress it. Returns the head of the answer, in lower case.
 *
 * @throws Error where the server does not switch protocols.
 */
export async function upgradeHead(port: number, path: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  let received = "";
  socket.setEncoding("latin1").on("data", (text: string) => (received += text));
  while (!received.includes("\r\n\r\n") && !socket.closed) {
    await Promise.race([once(socket, "data"), once(socket, "close")]);
  }
  socket.destroy();
  const [head = ""] = received.toLowerCase().split("\r\n\r\n");
  if (!head.startsWith("http/1.1 101 ")) throw new Error(`no WebSocket: ${received}`);
  return head;
}
