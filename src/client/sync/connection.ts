import type { ChunkedSnapshot, Json, JsonObject, Problem, ServerMessage } from "../../protocol/index.ts";
import { protocolVersion } from "../../protocol/versions.ts";
import { Link } from "../transport/link.ts";
import type { Ports } from "../transport/ports.ts";
import type { EngineHost } from "./backend.ts";
import type { Checks } from "./checks.ts";
import type { Delivery } from "./delivery.ts";
import type { Dialer } from "./dialer.ts";
import type { FeedItem } from "./feed.ts";
import type { MessageOf } from "./messages.ts";
import { isOther } from "./identity.ts";
import type { EngineOptions } from "./options.ts";
import type { Presence } from "./presence.ts";
import type { Renewal } from "./renewal.ts";
import type { StateLoader } from "./state-loader.ts";
import type { StatusMachine } from "./status.ts";

/**
 * Bytes of broadcasts that the server may send before we acknowledge them. We acknowledge at half. A page has at most as many;
 * with the longest patience they are the fewest that a server knows.
 */
const creditBytes = 1024 * 1024;
/** Further behind than this, the client fetches the state instead of the events. */
const farBehindEvents = 10_000;
/** How long the server remembers rejections, until it sends its own value. */
const defaultRetentionMs = 30 * 24 * 60 * 60 * 1_000;

/** The shortest delay while the server is older than the client: a deployment reaches an object within some minutes. */
const olderServerMs = 15_000;

/** Why the state has to be fetched, rather than the events after the cursor. */
export type FetchReason = Extract<FeedItem, { kind: "reset" }>["why"];

/** What a connection tells the engine. */
export interface ConnectionEvents {
  /** The confirmed state is of the server's log: it was fetched, if it had to be. */
  based(): void;
  /** Everything confirmed is here. */
  caughtUp(): void;
  /** The state has to be fetched on a new connection. */
  refetch(why: FetchReason): void;
}

/** What outlives connections. */
export interface ConnectionParts {
  options: EngineOptions;
  ports: Ports;
  host: EngineHost;
  status: StatusMachine;
  delivery: Delivery;
  dialer: Dialer;
  presence: Presence | undefined;
  /** A large state that has not arrived completely. */
  partial: { loader?: StateLoader | undefined };
}

/** Messages that may come before `connected`, or instead of it. */
const greetings: ReadonlySet<ServerMessage["type"]> = new Set(["connected", "error", "heartbeat", "draining"]);

/** Refusals of an upgrade. A later connection would be refused, too. */
const upgradeRefusals: ReadonlySet<string> = new Set(["forbidden", "origin_not_allowed", "not_found"]);

/** One connection to the partition: introduces the client, catches up, and follows the log. */
export class Connection {
  readonly #host: EngineHost;
  readonly #status: StatusMachine;
  readonly #delivery: Delivery;
  readonly #dialer: Dialer;
  readonly #partial: ConnectionParts["partial"];
  readonly #events: ConnectionEvents;
  readonly #options: EngineOptions;
  readonly #fetch: FetchReason | undefined;
  readonly #link: Link;
  readonly #presence: Presence | undefined;
  readonly #ports: Ports;
  #renewal: Renewal | undefined;
  #checks: Checks | undefined;
  #over = false;
  #connectId = "";
  #renewalId = "";
  #syncing = false;
  /** Set while a large state is being fetched. */
  #loader: StateLoader | undefined;
  /** The state was fetched, and the events after it were not. */
  #catchesUp = false;
  #unacknowledged = 0;

  /** `fetch`: the server sends the state, and not only the events after the cursor. */
  constructor(
    parts: ConnectionParts,
    token: string | undefined,
    fetch: FetchReason | undefined,
    events: ConnectionEvents,
  ) {
    const { options, ports, host, status, delivery, dialer, presence, partial } = parts;
    const { clientId, partition, model, timing, url, identity } = options;
    this.#host = host;
    this.#status = status;
    this.#delivery = delivery;
    this.#dialer = dialer;
    this.#partial = partial;
    this.#events = events;
    this.#options = options;
    this.#fetch = fetch;
    this.#presence = presence;
    this.#ports = ports;
    delivery.inbox.begin(host.cursor.eventId);
    this.#link = new Link(url, token, ports, timing, {
      opened: () => {
        // What takes its time from here on may be the state.
        this.#link.expect("connect", timing.connectMs * this.#patience());
        this.#connectId = this.send("connect", {
          clientId,
          version: protocolVersion,
          partition,
          model: model.name,
          modelVersion: model.version,
          otherModel: true,
          echo: false,
          frames: "array",
          credit: creditBytes,
          limits: true,
          draftIds: true,
          broadcastDraftIds: true,
          proofs: true,
          probes: true,
          authors: true,
          readOnly: true,
          annotations: true,
          principal: !!identity,
          renewal: token !== undefined,
          ...(presence && { presence: true, presenceRefusals: true, replaces: presence.peerId! }),
          ...(!status.still && (fetch ? { initialState: true, stateChunks: true } : this.#position())),
        });
      },
      received: (messages, length) => {
        for (const message of messages) if (!this.#over) this.#take(message);
        if (!this.#over) this.#afterFrame(length);
      },
      lost: (why, late) => {
        if (late && this.#connectId && status.status !== "online") dialer.extend();
        dialer.lose(why);
      },
      patience: () => this.#patience(),
    });
    delivery.connect(this.#link);
  }

  send(type: string, payload: JsonObject): string {
    return this.#link.send(type, payload);
  }

  probe(): void {
    this.#link.probe();
  }

  /** Compares the confirmed state with the server's. Undefined: the connection ended before the answer. */
  async verify(): Promise<boolean | undefined> {
    const code = await import("./rarely.ts").catch(() => undefined);
    if (!code || this.#over) return undefined;
    this.#checks ??= new code.Checks({
      link: this.#link,
      delivery: this.#delivery,
      host: this.#host,
      answerMs: this.#options.timing.answerMs,
      diverged: () => this.#events.refetch("diverged"),
    });
    return this.#checks.begin();
  }

  end(): void {
    this.#over = true;
    this.#renewal?.stop();
    this.#link.end();
    this.#checks?.end();
  }

  #take(message: ServerMessage): void {
    // Without `connected` the log is unknown: that frame was lost.
    if (this.#status.status === "connecting" && !greetings.has(message.type)) {
      this.#dialer.lose("connection_lost");
      return;
    }
    switch (message.type) {
      case "connected":
        this.#takeConnected(message);
        return;
      case "sync_response":
        this.#takePage(message);
        return;
      case "state_chunk":
        this.#loader?.take(message);
        return;
      case "broadcast":
        this.#delivery.inbox.put(message.payload);
        return;
      case "event_accepted":
        this.#delivery.accepted(message.payload);
        return;
      case "event_rejected":
        this.#delivery.rejected(message.payload);
        return;
      case "events_result":
        this.#delivery.batchDecided(message.payload);
        return;
      case "head":
        this.#sync();
        return;
      case "error":
        this.#takeError(message);
        return;
      case "presence":
        this.#presence?.update(message.payload);
        return;
      case "probe":
        this.send("ack", { eventId: this.#delivery.inbox.cursor, probe: message.payload.probe });
        return;
      case "hash":
        void this.#checks?.take(message);
        return;
      case "draining":
        this.#dialer.lose("draining", { hintMs: message.payload.reconnectAfterMs });
        return;
      case "read_only":
        this.#delivery.outbox.hurry();
        this.#status.readOnly = message.payload.readOnly;
        this.#status.report("ok");
        return;
      case "renewed":
        void this.#renewIn(message.payload.expiresAt - message.timestamp);
        return;
    }
  }

  #takeConnected({ payload, timestamp }: MessageOf<"connected">): void {
    // The network has sent the frame twice.
    if (this.#status.status !== "connecting") return;
    const {
      serverId,
      currentEventIndex,
      proof,
      initialState,
      snapshot,
      limits,
      peerId,
      author,
      expiresAt,
      modelVersion,
    } = payload;
    this.#link.met("connect");
    if (isOther(this.#options.identity, payload)) {
      this.#dialer.end("other_principal");
      return;
    }
    this.#status.modelVersion = modelVersion;
    if (modelVersion! < this.#options.model.version) {
      this.#awaitServer();
      return;
    }
    if (modelVersion && !this.#status.still) this.#delivery.stand();
    const { still } = this.#status;
    const { serverId: known, eventId, proof: own } = this.#host.cursor;
    // A log without events may get another id; nothing is lost with it.
    if (!this.#fetch && eventId > 0 && !still) {
      if (known !== undefined && known !== serverId) {
        this.#events.refetch("log_replaced");
        return;
      }
      // An earlier version has saved the base: nothing shows that it is of this log.
      if (proof !== undefined && own === undefined) {
        this.#events.refetch("far_behind");
        return;
      }
    }
    if (this.#presence) this.#presence.peerId = peerId;
    if (expiresAt !== undefined) void this.#renewIn(expiresAt - timestamp);
    this.#delivery.outbox.limit(limits?.["inFlightMax"] ?? Infinity);
    this.#delivery.frameMessagesMax = limits?.["frameMessagesMax"] ?? 1;
    this.#delivery.retentionMs = limits?.["rejectionRetentionMs"] ?? defaultRetentionMs;
    this.#status.serverTime = timestamp;
    if (author) this.#host.take({ kind: "author", author });
    this.#status.apply("connected", "ok");
    if (still) this.#caughtUp();
    else if (snapshot) void this.#load(serverId, snapshot);
    else if (this.#fetch) {
      this.#reset(this.#fetch, serverId, currentEventIndex, proof, initialState as Json);
      this.#caughtUp();
    } else {
      this.#events.based();
      if (known !== serverId) {
        this.#delivery.reopen();
        this.#host.take({ kind: "log", serverId });
      }
      this.#syncing = true;
      this.#expect("page");
    }
  }

  /** The token expires in `leftMs`. Without the code to renew it, the client connects again then. */
  async #renewIn(leftMs: number): Promise<void> {
    const code = this.#options.token && (await import("./tokens.ts").catch(() => undefined));
    if (!code || this.#over) return;
    this.#renewal ??= new code.Renewal(this.#ports, this.#options.token, (fresh) => {
      if (isOther(this.#options.identity, code.identityOf(fresh))) this.#dialer.end("other_principal");
      else this.#renewalId = this.send("renew", { token: fresh });
    });
    this.#renewal.schedule(leftMs);
  }

  #reset(why: FetchReason, serverId: string, eventId: number, proof: string | undefined, state: Json): void {
    this.#catchesUp = true;
    this.#delivery.inbox.begin(eventId);
    const sent = [...this.#delivery.outbox.sentKeys()];
    this.#host.take({ kind: "reset", serverId, eventId, proof, state, sent, why });
    this.#events.based();
  }

  /** Fetches a large state in chunks. The server sends nothing else until the client syncs. */
  async #load(serverId: string, snapshot: ChunkedSnapshot): Promise<void> {
    this.#syncing = true;
    const partial = this.#partial;
    this.#expect("chunk");
    try {
      const { StateLoader } = await import("./rarely.ts");
      if (this.#over) return;
      this.#loader = partial.loader = StateLoader.of(serverId, snapshot, partial.loader);
      this.#loader.begin({
        link: this.#link,
        expect: () => this.#expect("chunk"),
        status: this.#status,
        loaded: (state) => {
          this.#loader = partial.loader = undefined;
          const { eventIndex, proof } = snapshot;
          this.#reset(this.#fetch!, serverId, eventIndex, proof, state ?? (this.#options.model.initialState() as Json));
          this.#syncing = false;
          this.#sync();
        },
      });
    } catch {
      if (!this.#over) this.#dialer.lose("connection_lost");
    }
  }

  #takePage({ payload }: MessageOf<"sync_response">): void {
    const { events, currentEventIndex, hasMore, nextSinceEventId, proof } = payload;
    const last = events.at(-1);
    if (last) last.proof = proof!;
    for (const event of events) this.#delivery.inbox.put(event);
    if (!this.#syncing) return;
    this.#syncing = false;
    this.#link.met("page");
    // Not after the state was fetched: the events after a snapshot may be many, too.
    if (!this.#catchesUp && currentEventIndex - nextSinceEventId > farBehindEvents) this.#events.refetch("far_behind");
    else if (hasMore) {
      this.#sync();
      if (this.#syncing) {
        this.#status.report("ok", undefined, {
          progress: { unit: "events", done: nextSinceEventId, of: currentEventIndex },
        });
      }
    } else this.#caughtUp();
  }

  #takeError({ payload, inReplyTo }: MessageOf<"error">): void {
    const { draftId, message: _, ...problem } = payload;
    const { code, retryable, retryAfter = 0 } = payload;
    // The next attempt asks for a new token.
    if (/^(un)?auth/.test(code)) this.#dialer.lose("refused", { problem });
    // The server has not hashed its state.
    else if (this.#checks?.refused(inReplyTo)) return;
    else if (draftId !== undefined && this.#delivery.outbox.get(draftId)) this.#delivery.failed(draftId, problem);
    else if (code === "cursor_ahead" || code === "log_replaced") this.#events.refetch("log_replaced");
    // A server that does not know `otherModel`, or something else that this version sends.
    else if (code === "upgrade_required" || (code === "bad_request" && inReplyTo === this.#connectId))
      this.#awaitServer(problem);
    else if (code === "too_many_peers") {
      this.#presence?.again(retryAfter * 1_000);
      this.#host.take({ kind: "hidden", problem });
    }
    // The client tries again before the current token expires.
    else if (retryable && inReplyTo === this.#renewalId) return;
    // Reads have a rate. What has arrived is kept.
    else if (retryable && this.#loader?.refused(inReplyTo, retryAfter * 1_000)) return;
    // The next attempt loads the newer one.
    else if (code === "snapshot_replaced") this.#dialer.lose("connection_lost");
    // The network has sent `connect` twice: nothing has changed.
    else if (code === "already_connected") return;
    else if (retryable) this.#dialer.lose("refused", { hintMs: retryAfter * 1_000, problem });
    else if (upgradeRefusals.has(code) || inReplyTo === this.#connectId) this.#dialer.end("refused", problem);
  }

  /** The server is older than the client: it will be replaced. */
  #awaitServer(problem?: Problem): void {
    this.#dialer.lose("upgrade_required", { hintMs: olderServerMs, waiting: "server", problem });
  }

  #afterFrame(length: number): void {
    this.#delivery.deliver();
    if (this.#over) return;
    if (this.#delivery.skipped) {
      this.#dialer.lose("connection_lost");
      return;
    }
    // A frame was lost, or frames come in another order than they were sent.
    if (this.#delivery.inbox.hasHole) this.#sync();
    this.#unacknowledged += length;
    if (this.#unacknowledged * 2 >= creditBytes && this.#status.status === "online") {
      this.#unacknowledged = 0;
      this.send("ack", { eventId: this.#delivery.inbox.cursor });
    }
    this.#delivery.drain();
    this.#delivery.reportProgress();
  }

  /** Asks for the events after the cursor. */
  #sync(): void {
    if (this.#syncing || this.#over) return;
    this.#delivery.deliver();
    if (this.#status.still) {
      this.#caughtUp();
      return;
    }
    this.#status.apply("fell_behind", "ok");
    this.#syncing = true;
    this.send("sync", this.#position());
    this.#expect("page");
  }

  /** The last confirmed event, as the server compares it with its log. */
  #position(): JsonObject {
    const { eventId, proof } = this.#host.cursor;
    // A page shows nothing of itself until it is complete: on a slow line it is a small one.
    const maxBytes = creditBytes / this.#dialer.patience ** 2;
    // JSON leaves out what is undefined.
    return { sinceEventId: eventId, proof, maxBytes } as JsonObject;
  }

  #caughtUp(): void {
    this.#catchesUp = false;
    this.#delivery.deliver();
    if (this.#status.apply("caught_up", "ok")) this.#events.caughtUp();
  }

  #expect(answer: string): void {
    this.#link.expect(answer, this.#options.timing.answerMs * this.#patience());
  }

  /** While it is online, what was sent arrives piece by piece. */
  #patience(): number {
    return this.#status.status === "online" ? 1 : this.#dialer.patience;
  }
}
