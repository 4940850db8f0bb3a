import { createBrowserWebSocketTransport, createOfflineTransport, createReducer, createSyncClient } from "insieme";
import type { Json } from "../../src/protocol/index.ts";
import { type ClientStore, type Committed, type Disk, fresh, type Lab, type Message, until } from "./lab.ts";

/** What a transport of the package does. */
interface Transport {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  send(message: object): Promise<void>;
  onMessage(handler: (message: object) => void): () => void;
}

/** A transport whose messages a test can hold back, change or lose. */
export class Tap implements Transport {
  readonly sent: Message[] = [];
  /** Changes a message on its way to the server. */
  change: (message: Message) => Message = (message) => message;
  /** Whether a message from the server is held back. */
  holds: (message: Message) => boolean = () => false;
  readonly #transport: Transport;
  readonly #held: Message[] = [];
  #handler: (message: object) => void = () => {};

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get held(): readonly Message[] {
    return this.#held;
  }

  connect = (): Promise<void> => this.#transport.connect();
  disconnect = (): Promise<void> => this.#transport.disconnect();

  send = async (message: object): Promise<void> => {
    const changed = this.change(message);
    this.sent.push(changed);
    await this.#transport.send(changed);
  };

  onMessage = (handler: (message: object) => void): (() => void) => {
    this.#handler = handler;
    return this.#transport.onMessage((message) => {
      if (this.holds(message)) this.#held.push(message);
      else this.#handler(message);
    });
  };

  /** Gives the client the first message that was held back. */
  deliverOne(): void {
    const message = this.#held.shift();
    if (message) this.#handler(message);
  }

  /** Gives the client what was held back. */
  release(): void {
    this.holds = () => false;
    while (this.#held.length > 0) this.deliverOne();
  }

  /** The device has lost its power: nothing arrives any more, and nothing is stored. */
  async die(): Promise<void> {
    this.#handler = () => {};
    this.send = async () => {
      throw new Error("disconnected");
    };
    await this.#transport.disconnect();
  }
}

/** The view that devices have of each label: its notes. Two versions, so that one can follow the other. */
const notesView = (version: string) => ({
  name: "notes",
  version,
  initialState: () => ({}),
  reduce: createReducer({
    schemaHandlers: {
      "note.set": ({ state, payload }: { state: Record<string, Json>; payload: { key: string; value: Json } }) => {
        state[payload.key] = payload.value;
      },
    },
    // Its type says that it throws.
    fallback: (() => {}) as () => never,
  }),
});

/** A draft that sets a note. */
export const note = (partition: string, key: string, value: Json) => ({
  partition,
  type: "note.set",
  schemaVersion: 1,
  payload: { key, value },
});

interface DeviceOptions {
  lab: Lab;
  projectId: string;
  clientId?: string;
  disk?: Disk;
  token?: string;
  /** The version of its view. */
  version?: string;
  validateLocalEvent?: (draft: Message) => void;
  /** Before it starts. */
  prepare?: (device: Device) => void;
  offline?: boolean;
  /** Called when its socket has ended. Their client does not look for that: an application does. */
  onEnded?: (device: Device) => void;
}

/** A published client with its store and transport, and what it has told its application. */
export class Device {
  readonly heard: { type: string; payload: Message }[] = [];
  readonly clientId: string;
  readonly disk: Disk;
  readonly store: ClientStore;
  readonly tap: Tap;
  readonly client: ReturnType<typeof createSyncClient>;
  /** Where it starts without a network. */
  readonly offline: ReturnType<typeof createOfflineTransport> | undefined;

  private constructor(options: DeviceOptions, clientId: string, disk: Disk, store: ClientStore, token: string) {
    const { lab, projectId, validateLocalEvent = () => {}, offline } = options;
    this.clientId = clientId;
    this.disk = disk;
    this.store = store;
    this.tap = new Tap(
      createBrowserWebSocketTransport({
        url: lab.server.address(projectId),
        WebSocketImpl: lab.WebSocketImpl,
        logger: (entry) => {
          if ((entry as { event: string }).event === "socket_closed") options.onEnded?.(this);
        },
      }),
    );
    this.offline = offline ? createOfflineTransport() : undefined;
    this.client = createSyncClient({
      transport: this.offline ?? this.tap,
      store: store as never,
      token,
      clientId,
      projectId,
      validateLocalEvent,
      onEvent: (event) => this.heard.push(event),
    });
  }

  /** Starts one, without waiting for its server. */
  static async start(options: DeviceOptions): Promise<Device> {
    const { lab, projectId, clientId = fresh("client"), disk = lab.newDisk() } = options;
    const token = options.token ?? (await lab.server.token({ clientId, projectId }));
    const store = await disk.open([notesView(options.version ?? "1")]);
    const device = new Device(options, clientId, disk, store, token);
    options.prepare?.(device);
    await device.client.start();
    return device;
  }

  /** Starts one, and returns when it has what the server has. */
  static async synced(options: DeviceOptions): Promise<Device> {
    const device = await Device.start(options);
    await until(() => device.count("synced") > 0);
    return device;
  }

  /** What its application has received of this type. */
  payloads(type: string): Message[] {
    return this.heard.filter((event) => event.type === type).map(({ payload }) => payload);
  }

  count(type: string): number {
    return this.payloads(type).length;
  }

  /** Returns the first of this type, when it is there. */
  async hears(type: string): Promise<Message> {
    await until(() => this.count(type) > 0);
    return this.payloads(type)[0];
  }

  submit(draft: object): Promise<string> {
    return this.client.submitEvent(draft);
  }

  /** Returns its events when there are `count` of them, and no draft is left. */
  async committed(count: number): Promise<Committed[]> {
    await until(async () => (await this.store.listCommitted()).length >= count && (await this.drafts()).length === 0);
    return await this.store.listCommitted();
  }

  async drafts(): Promise<string[]> {
    return (await this.store.listDraftsOrdered()).map(({ id }) => id);
  }

  view(partition: string): Promise<Json> {
    return this.store.loadMaterializedView({ viewName: "notes", partition });
  }

  close(): Promise<void> {
    return this.client.close();
  }
}
