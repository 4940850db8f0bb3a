import { EventSink, type SinkPorts } from "./event-sink.ts";

/** Where the frames of a connection without a WebSocket go. */
export interface FrameSink {
  /** Sends a frame. Returns false if too much waits. */
  send(frame: string): boolean;
  /** Sends why the connection has ended, after everything else. */
  end(code: number, reason: string): void;
  /** Calls `run` when nothing has to be kept for the peer any more; the connection has ended. */
  finished(run: () => void): void;
  /** When the peer last showed that it reads, in milliseconds since 1970; 0: never. */
  readonly takenAt: number;
  /** What the peer has not read, in UTF-16 units. */
  readonly waitingUnits: number;
  /** Called every 15 seconds. */
  keepAlive(now: number): void;
}

/** The events of a sink. Both are called in a turn of their own. */
export interface FrameSinkEvents {
  /** The peer has read. */
  drained(): void;
  /** The peer has disconnected; called at most once, and not after `end`. */
  disconnected(): void;
}

/** Frames as server-sent events. */
export class StreamedFrames implements FrameSink {
  readonly events: EventSink;

  constructor(connectionId: string, ports: SinkPorts, events: FrameSinkEvents) {
    this.events = new EventSink(ports, events);
    this.events.send(JSON.stringify({ connectionId }), { event: "connection" });
  }

  send(frame: string): boolean {
    return this.events.send(frame);
  }

  end(code: number, reason: string): void {
    this.events.send(JSON.stringify({ code, reason }), { event: "end" });
    this.events.close();
  }

  finished(run: () => void): void {
    run();
  }

  get takenAt(): number {
    return this.events.takenAt;
  }

  get waitingUnits(): number {
    return this.events.waitingUnits;
  }

  keepAlive(now: number): void {
    this.events.keepAlive(now);
  }
}
