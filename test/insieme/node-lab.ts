import { WebSocket as NodeWebSocket } from "ws";
import { disks } from "./disks.ts";
import type { Disk, InsiemeServer, Lab } from "./lab.ts";

/** A lab in Node. The WebSocket that Node has says nothing of the end of a connection that failed, for which their transport waits. */
export function nodeLab(server: InsiemeServer, newDisk: () => Disk = disks.memory): Lab {
  return { server, newDisk, WebSocketImpl: NodeWebSocket as unknown as typeof WebSocket };
}
