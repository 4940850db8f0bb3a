import type { JsonObject } from "../../protocol/index.ts";
import type { QueueEntry } from "../stores/store.ts";
import type { Ports } from "../transport/ports.ts";
import type { EngineBackend, EngineHost } from "./backend.ts";
import { Connection, type ConnectionEvents, type FetchReason } from "./connection.ts";
import { Delivery } from "./delivery.ts";
import { Dialer } from "./dialer.ts";
import type { EngineOptions } from "./options.ts";
import type { Presence } from "./presence.ts";
import { StatusMachine } from "./status.ts";

/**
 * The sync loop of one partition: connects, catches up, sends undecided entries in their order, and
 * connects again. It knows nothing of views and tabs: it reports what it learns to its host, in order.
 */
export class Engine implements EngineBackend {
  readonly #status: StatusMachine;
  readonly #delivery: Delivery;
  readonly #dialer: Dialer;
  readonly #presence: Presence | undefined;
  #connection: Connection | undefined;
  /** Set until a connection has fetched the state. */
  #fetch: FetchReason | undefined;

  constructor(options: EngineOptions, ports: Ports, host: EngineHost) {
    const status = new StatusMachine((report) => host.take({ kind: "status", report }));
    this.#status = status;
    const presence = options.presence?.({
      send: (state) => {
        if (status.status === "online") this.#connection?.send("presence", { state });
      },
      report: (peers) => host.take({ kind: "peers", peers }),
    });
    this.#presence = presence;
    const delivery = new Delivery(ports, host, status, options.timing.answerMs);
    this.#delivery = delivery;
    const partial = {};
    const events: ConnectionEvents = {
      based: () => (this.#fetch = undefined),
      caughtUp: () => {
        dialer.connected();
        delivery.expire();
        presence?.begin();
        delivery.drain();
      },
      refetch: (why) => this.#refetch(why),
    };
    const dialer = new Dialer(ports, status, options, {
      connect: (fresh) => {
        if (host.cursor.serverId === undefined) this.#fetch ??= "first";
        const parts = { options, ports, host, status, delivery, dialer, presence, partial };
        this.#connection = new Connection(parts, fresh, this.#fetch, events);
      },
      disconnect: () => {
        this.#connection?.end();
        this.#connection = undefined;
        delivery.disconnect();
        presence?.stop();
      },
      probe: () => this.#connection?.probe(),
    });
    this.#dialer = dialer;
  }

  start(entries: readonly QueueEntry[]): void {
    for (const entry of entries) this.#delivery.add(entry, entry.sentAt !== 0);
    this.#dialer.dial();
  }

  offer(entry: QueueEntry, sent = false): void {
    this.#delivery.add(entry, sent);
    this.#delivery.drain();
    this.#delivery.reportProgress();
  }

  withdraw(key: string, replaced?: true, unstored?: boolean): void | Promise<unknown> {
    const delivery = this.#delivery;
    if (!delivery.canWithdraw(key, replaced)) return;
    const released = unstored ? undefined : delivery.release(key);
    if (released) return released.then((isFree) => isFree && this.withdraw(key, replaced, true));
    const waits = this.#connection && delivery.outbox.held?.key === key;
    delivery.settle(key, { status: "withdrawn", ...(replaced && { replaced }) });
    // Until this entry is sent again, the server refuses all others on this connection.
    if (waits) this.#dialer.redial("withdrawn");
  }

  canReplace(key: string): boolean {
    return this.#delivery.canWithdraw(key, true);
  }

  show(state: JsonObject | null): void {
    this.#presence?.show(state);
  }

  wake(): void {
    this.#dialer.wake();
  }

  pause(): void {
    this.#dialer.pause();
  }

  resume(): void {
    this.#dialer.resume();
  }

  /**
   * Fetches the server's state if it differs. Undefined: the client is not online, its state is of another model than the
   * server's, or the connection was lost.
   */
  async verify(): Promise<boolean | undefined> {
    const { status, still } = this.#status;
    return status === "online" && !still ? this.#connection?.verify() : undefined;
  }

  close(): void {
    this.#dialer.end("closed");
  }

  /** Fetches the state on a new connection, at once. */
  #refetch(why: FetchReason): void {
    // Only once: if the state was fetched for the same reason just now, this is a failure like others.
    if (this.#fetch) {
      this.#dialer.lose("log_replaced");
      return;
    }
    this.#fetch = why;
    if (why === "log_replaced") this.#delivery.reopen();
    this.#dialer.redial("log_replaced");
  }
}
