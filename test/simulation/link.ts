import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";
import type { Asked, Told } from "./wire.ts";

/** The behaviour of a network, in milliseconds. */
export interface NetworkConditions {
  latencyMsMax: number;
  /** The delay until a side notices the end of the connection. */
  noticeMsMax: number;
}

/** The receiver at one side of a connection. */
export interface End<Frame> {
  receive(frame: Frame): void;
  closed(): void;
}

/** A server's frame: its text, and the messages in it. */
export interface ServerFrame {
  text: string;
  messages: readonly Told[];
}

/** One direction: a queue that keeps the order, as TCP does, and can lose its tail. */
export class Pipe<Frame> {
  readonly #random: Random;
  readonly #schedule: Schedule;
  readonly #conditions: NetworkConditions;
  readonly #queue: (Frame | "closed")[] = [];
  #lastAt = 0;
  end: End<Frame> | undefined;

  constructor(random: Random, schedule: Schedule, conditions: NetworkConditions) {
    this.#random = random;
    this.#schedule = schedule;
    this.#conditions = conditions;
  }

  /** `stallMs`: an additional delay of the frame, and of everything behind it. */
  send(frame: Frame | "closed", stallMs = 0): void {
    this.#queue.push(frame);
    // Half of the frames follow the one before at once, so that bursts stay bursts.
    const delay = this.#random.chance(0.5) ? 0 : this.#random.between(0, this.#conditions.latencyMsMax);
    this.#lastAt = Math.max(this.#lastAt, this.#schedule.now + delay + stallMs);
    this.#schedule.after(this.#lastAt - this.#schedule.now, () => this.#arrive());
  }

  /** Loses a tail of the frames in flight and, if `notice`, closes the end later. */
  cut(notice: boolean): void {
    this.#queue.length = this.#random.between(0, this.#queue.length);
    if (!notice) return;
    const delay = this.#random.between(0, this.#conditions.noticeMsMax);
    this.#lastAt = Math.max(this.#lastAt, this.#schedule.now) + delay;
    this.#schedule.after(this.#lastAt - this.#schedule.now, () => {
      this.#queue.length = 0;
      this.#close();
    });
  }

  #arrive(): void {
    const frame = this.#queue.shift();
    if (frame === "closed") this.#close();
    else if (frame !== undefined) this.end?.receive(frame);
  }

  #close(): void {
    const { end } = this;
    this.end = undefined;
    end?.closed();
  }
}

/** A connection from the server's point of view. */
export type ServerLink = Pick<
  Link,
  "name" | "exclusive" | "isCut" | "lastHeartbeatAt" | "attachServer" | "fromServer" | "closeFromServer"
>;

/** One WebSocket: two directions that end together, but each side notices it at its own time. */
export class Link {
  readonly name: string;
  /** Whether its client has no other connection, and sends each frame once. */
  readonly exclusive: boolean = true;
  /** When the platform last answered a heartbeat of its client, by the server's clock; 0: never. */
  readonly lastHeartbeatAt: number = 0;
  readonly #random: Random;
  readonly #toServer: Pipe<Asked>;
  readonly #toClient: Pipe<ServerFrame>;
  #cut = false;

  constructor(name: string, random: Random, schedule: Schedule, conditions: NetworkConditions) {
    this.name = name;
    this.#random = random;
    this.#toServer = new Pipe(random, schedule, conditions);
    this.#toClient = new Pipe(random, schedule, conditions);
  }

  /** Whether it has ended before the server has accepted it. */
  get isCut(): boolean {
    return this.#cut;
  }

  attachServer(end: End<Asked>): void {
    this.#toServer.end = end;
  }

  attachClient(end: End<ServerFrame>): void {
    this.#toClient.end = end;
  }

  fromClient(asked: Asked): void {
    if (!this.#cut) this.#toServer.send(asked);
  }

  fromServer(frame: ServerFrame): void {
    if (!this.#cut) this.#toClient.send(frame);
  }

  /** The client closes; the frames that it sent still arrive. */
  closeFromClient(): void {
    this.#toClient.end = undefined;
    if (!this.#cut) this.#toServer.send("closed");
  }

  /** The server closes or has ended; the frames that it sent still arrive, unless `lossy`. */
  closeFromServer(lossy: boolean): void {
    if (lossy) this.#toServer.end = undefined;
    if (this.#cut) return;
    if (lossy) this.cut();
    else this.#toClient.send("closed");
  }

  /** The network fails, with the frames in flight. The server may never notice. */
  cut(): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#toServer.cut(this.#random.chance(0.7));
    this.#toClient.cut(true);
  }
}
