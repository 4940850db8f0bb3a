// The peer `partyserver`: what a server over its API does for the same frames, with the log of the floors. Each message has a
// handler of its own, as the package calls it, so each draft is committed, answered and broadcast by itself.
import { getServerByName, Server } from "partyserver";
import { Log } from "../floor/log.js";

const heartbeat = '{"type":"heartbeat"}';

export class PartyObject extends Server {
  static options = { hibernate: true };
  #log;

  /** @override */
  onStart() {
    this.#log = new Log(this.ctx.storage.sql, this.name);
    this.ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(heartbeat, heartbeat));
  }

  /** @override */
  onMessage(connection, text) {
    const received = JSON.parse(text);
    for (const frame of Array.isArray(received) ? received : [received]) {
      if (frame.type === "connect") {
        connection.setState({ clientId: String(frame.payload.clientId) });
        connection.send(this.#log.connected(frame.id));
      } else {
        const { reply, broadcast } = this.#log.append(frame, connection.state.clientId);
        connection.send(reply);
        this.broadcast(broadcast, [connection.id]);
      }
    }
  }
}

export default {
  async fetch(request, env) {
    const partition = new URL(request.url).pathname.split("/")[3] ?? "";
    return (await getServerByName(env.OBJECTS, partition)).fetch(request);
  },
};
