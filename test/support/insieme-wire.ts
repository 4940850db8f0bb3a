import { Connection } from "../../src/shell/connection.ts";
import type { Author } from "../../src/protocol/index.ts";
import type { Message } from "./partition.ts";
import type { TestShell } from "./shell.ts";

/** An item of `submit_events`, as the clients of the package make it. */
export const item = (id: string, more: object = {}) => ({
  id,
  partition: "session-1",
  projectId: "room",
  type: "todo.add",
  schemaVersion: 1,
  payload: { title: id },
  meta: { clientId: "c1", clientTs: 1_700_000_000_001 },
  ...more,
});

/** A client of the Insieme wire on a shell. Its requests are numbered: `msgId` is `m-1`, `m-2` and so on. */
export class InsiemeConnection {
  readonly frames: string[] = [];
  readonly ended: number[] = [];
  readonly #host: TestShell;
  readonly #connection: Connection;
  #requests = 0;

  private constructor(host: TestShell, connection: Connection, frames: string[], ended: number[]) {
    this.#host = host;
    this.#connection = connection;
    this.frames = frames;
    this.ended = ended;
  }

  /** `dialect`: as its address has chosen it; undefined: its first frame decides. */
  static async open(
    host: TestShell,
    {
      awaitsToken = false,
      author,
      dialect = "insieme",
    }: { awaitsToken?: boolean; author?: Author; dialect?: string } = {},
  ): Promise<InsiemeConnection> {
    const frames: string[] = [];
    const ended: number[] = [];
    const opened = await host.shell.connect(
      author,
      awaitsToken,
      () => ({
        send: (frame) => void frames.push(frame),
        end: (code) => void ended.push(code),
        save: () => {},
        lastSignOfLife: () => 0,
      }),
      { dialect },
    );
    if (!(opened instanceof Connection)) throw new Error(opened.body);
    return new InsiemeConnection(host, opened, frames, ended);
  }

  static async connected(host: TestShell, clientId = "c1"): Promise<InsiemeConnection> {
    const connection = await InsiemeConnection.open(host);
    connection.send("connect", { token: "t", clientId, projectId: "room" });
    return connection;
  }

  raw(frame: string | ArrayBuffer): void {
    this.#host.shell.receive(this.#connection, frame);
  }

  /** Sends a message, and returns those that came for it, after what turns have done. */
  send(type: string, payload: object, more: object = {}): Message[] {
    const before = this.frames.length;
    this.raw(JSON.stringify({ type, protocolVersion: "1.0", msgId: `m-${++this.#requests}`, payload, ...more }));
    this.#host.elapse(0);
    return this.messages.slice(before);
  }

  /** Submits a batch, and returns its results. */
  submit(...events: object[]): Message[] {
    return this.send("submit_events", { events })[0].payload.results;
  }

  sync(sinceCommittedId: number, more: object = {}): Message {
    return this.send("sync", { projectId: "room", sinceCommittedId, ...more })[0];
  }

  get messages(): Message[] {
    return this.frames.map((frame) => JSON.parse(frame) as Message);
  }

  /** What has come of one type. */
  of(type: string): Message[] {
    return this.messages.filter((message) => message.type === type).map(({ payload }) => payload);
  }
}
