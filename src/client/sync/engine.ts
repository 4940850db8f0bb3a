import { FoldError } from "../../model/index.ts";
import {
  type Json,
  type JsonObject,
  type Problem,
  problem,
  type ServerMessage,
  type WireBatchResult,
} from "../../protocol/index.ts";
import type { EngineBackend, EngineHost } from "./backend.ts";
import { protocolVersion } from "../../protocol/versions.ts";
import { backoffMs, stableMs } from "./backoff.ts";
import type { FeedItem, Peer } from "./feed.ts";
import { Inbox } from "./inbox.ts";
import { Link } from "../transport/link.ts";
import { Outbox } from "./outbox.ts";
import type { Ports } from "../transport/ports.ts";
import { PresenceSender } from "./presence.ts";
import { type Status, type StatusInput, type StatusReason, type StatusReport, transitions } from "./status.ts";
import type { QueueEntry } from "../stores/store.ts";
import type { Timing } from "../transport/timing.ts";
import type { BatchVerdict, MemberVerdict, Verdict } from "./verdict.ts";

/** Bytes of broadcasts that the server may send ahead of us; given back at half. */
const creditBytes = 1024 * 1024;
/** Further behind than this, the state is fetched instead of the events. */
const farBehindEvents = 10_000;
/** A token that lives less is not renewed; one that lives long is at least so often, because timers count no further than 24 days. */
const renewalMsMin = 5_000;
const renewalMsMax = 24 * 60 * 60 * 1_000;
/** How long the server remembers rejections, until it says. */
const defaultRetentionMs = 30 * 24 * 60 * 60 * 1_000;

type Token = () => string | Promise<string>;

/** How to reach the partition, and as whom. */
export interface EngineOptions {
  /** `ws:` or `wss:`. */
  url: string;
  partition: string;
  clientId: string;
  modelVersion: number;
  /** Called for each attempt. */
  token: Token | undefined;
  presence: boolean;
  timing: Timing;
}

/** What may come before `connected`, or in its place. */
const greetings: ReadonlySet<ServerMessage["type"]> = new Set(["connected", "error", "heartbeat", "draining"]);

/** Refusals that come before a connection has said anything. */
const atTheDoor: ReadonlySet<string> = new Set(["forbidden", "origin_not_allowed", "not_found"]);

type FetchReason = Extract<FeedItem, { kind: "reset" }>["why"];
type Of<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;

/**
 * The sync loop of one partition: connects, catches up, sends what is undecided in its order, and
 * connects again. It knows nothing of views and tabs: what it learns goes to its host, in order.
 */
export class Engine implements EngineBackend {
  readonly #options: EngineOptions;
  readonly #ports: Ports;
  readonly #host: EngineHost;
  readonly #outbox = new Outbox();
  readonly #inbox = new Inbox();
  readonly #presence: PresenceSender;
  readonly #unwatch: () => void;
  #status: Status = "offline";
  #link: Link | undefined;
  /** Counts attempts, so that a token that comes late is not used. */
  #attempt = 0;
  #failures = 0;
  #cancelRetry = () => {};
  #cancelStable = () => {};
  #cancelHold = () => {};
  #cancelRenewal = () => {};
  #renewalId: string | undefined;
  #paused = false;
  #reachable = true;
  /** Why the state has to be fetched, rather than the events since the cursor. */
  #fetch: FetchReason | undefined;
  #connectId = "";
  #syncing = false;
  #unacknowledged = 0;
  #retentionMs = defaultRetentionMs;
  #peerId: string | undefined;
  #peers = new Map<string, Peer>();
  #undecidedTold = 0;
  /** Set while a frame is taken, where something shows that a frame was lost. */
  #broken: string | undefined;
  readonly #checks = new Map<string, (same: boolean | undefined) => void>();

  constructor(options: EngineOptions, ports: Ports, host: EngineHost) {
    this.#options = options;
    this.#ports = ports;
    this.#host = host;
    this.#presence = new PresenceSender(ports, (state) => {
      if (this.#options.presence && this.#status === "online") this.#link?.send("presence", { state });
    });
    this.#unwatch = ports.watch({
      online: () => this.#reach(true),
      offline: () => this.#reach(false),
      visible: () => this.wake(),
    });
  }

  /** Begins: with the entries of earlier lives, which the server may have seen. */
  start(entries: readonly QueueEntry[]): void {
    for (const entry of entries) this.#outbox.add(entry, true);
    this.#dial();
  }

  /** Takes an entry to send, behind the others. */
  offer(entry: QueueEntry, sent = false): void {
    this.#outbox.add(entry, sent);
    this.#drain();
    this.#tellProgress();
  }

  /** Takes an entry back, if the server has not seen it. */
  withdraw(key: string): void {
    if (!this.#outbox.get(key) || this.#outbox.wasSent(key)) return;
    this.#settle(key, { status: "withdrawn" });
  }

  /** What others are shown of us; null: nothing. */
  show(state: JsonObject | null): void {
    this.#presence.show(state);
  }

  /** Tries at once, if it waits for its next attempt. */
  wake(): void {
    if (this.#status === "offline" && !this.#paused && this.#reachable) this.#dial();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#lose("paused");
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#failures = 0;
    if (this.#reachable) this.#dial();
    else this.#lose("network_offline");
  }

  /**
   * Compares the confirmed state with the server's; where they differ, the server's is fetched.
   * Undefined: there is no answer, because it is not online or the connection was lost.
   */
  verify(): Promise<boolean | undefined> {
    if (this.#status !== "online" || !this.#link) return Promise.resolve(undefined);
    const link = this.#link;
    const id = link.send("hash", {});
    link.expect(id, this.#options.timing.answerMs);
    return new Promise((resolve) => this.#checks.set(id, resolve));
  }

  close(): void {
    this.#end("closed", undefined);
  }

  // — the connection

  #dial(): void {
    if (this.#paused || !this.#reachable || !this.#goes("dial")) return;
    this.#cancelRetry();
    this.#tell("ok");
    const attempt = ++this.#attempt;
    const { token } = this.#options;
    if (!token) {
      this.#connect(undefined);
      return;
    }
    void this.#dialAs(token, attempt);
  }

  async #dialAs(token: Token, attempt: number): Promise<void> {
    let fresh: string | undefined;
    // It is part of the attempt, and may never come.
    this.#cancelRetry = this.#ports.after(this.#options.timing.connectMs, () => this.#lose("connection_lost"));
    try {
      fresh = await token();
    } catch {
      // As if the server could not be reached: the next attempt asks anew.
    }
    if (attempt !== this.#attempt || this.#status !== "connecting") return;
    this.#cancelRetry();
    if (fresh === undefined) this.#lose("connection_lost");
    else this.#connect(fresh);
  }

  /** Renews the token in good time before `leftMs` are over: by the server's clock, because ours may be another. */
  #renewIn(leftMs: number): void {
    this.#cancelRenewal();
    const { token } = this.#options;
    // What is left after a few attempts is too little for another one.
    if (!token || leftMs < renewalMsMin) return;
    const delayMs = Math.min(leftMs * (0.7 + 0.2 * this.#ports.random()), renewalMsMax);
    this.#cancelRenewal = this.#ports.after(delayMs, () => {
      // In case that nothing comes of this attempt.
      this.#renewIn(leftMs - delayMs);
      void this.#renew(token);
    });
  }

  async #renew(token: Token): Promise<void> {
    const link = this.#link;
    try {
      const fresh = await token();
      if (link === this.#link) this.#renewalId = link?.send("renew", { token: fresh });
    } catch {
      // The next attempt asks anew.
    }
  }

  #connect(token: string | undefined): void {
    const { eventId, serverId } = this.#host.cursor;
    if (serverId === undefined) this.#fetch ??= "first";
    this.#inbox.begin(eventId);
    this.#syncing = false;
    this.#unacknowledged = 0;
    const { clientId, partition, modelVersion, presence, timing, url } = this.#options;
    const link = new Link(url, token, this.#ports, timing, {
      opened: () => {
        this.#connectId = link.send("connect", {
          clientId,
          version: protocolVersion,
          partition,
          modelVersion,
          echo: false,
          frames: "array",
          credit: creditBytes,
          limits: true,
          draftIds: true,
          renewal: token !== undefined,
          ...(presence ? { presence } : {}),
          ...(this.#fetch ? { initialState: true } : { sinceEventId: eventId }),
        });
      },
      received: (messages, length) => {
        for (const message of messages) {
          if (this.#link === link) this.#take(message);
        }
        if (this.#link === link) this.#afterFrame(length);
      },
      lost: (_, protocolError) => this.#lose(protocolError ? "protocol_error" : "connection_lost"),
    });
    this.#link = link;
  }

  /** The connection is gone, or is given up; the next attempt comes by itself unless something keeps it. */
  #lose(reason: StatusReason, { hintMs = 0, problem }: { hintMs?: number; problem?: Problem } = {}): void {
    this.#drop();
    const lost = this.#goes("lost");
    if (this.#status !== "offline") return;
    if (this.#paused || !this.#reachable) {
      this.#tell(this.#paused ? "paused" : "network_offline");
      return;
    }
    if (!lost) return;
    const delay = backoffMs(this.#failures++, this.#ports.random(), hintMs);
    this.#cancelRetry = this.#ports.after(delay, () => this.#dial());
    this.#tell(reason, problem, { retryAt: this.#ports.now() + delay });
  }

  /** Fetches the state on a new connection, at once. */
  #refetch(why: FetchReason): void {
    // Once: if the state was asked for and this came of it, it is a failure like others.
    if (this.#fetch) {
      this.#lose("log_replaced");
      return;
    }
    this.#fetch = why;
    if (why === "log_replaced") this.#reopen();
    this.#drop();
    if (!this.#goes("lost")) return;
    this.#tell("log_replaced");
    this.#dial();
  }

  #end(reason: StatusReason, problem: Problem | undefined): void {
    this.#drop();
    this.#cancelRetry();
    this.#unwatch();
    if (this.#goes("close")) this.#tell(reason, problem);
  }

  #drop(): void {
    this.#cancelRetry();
    this.#cancelStable();
    this.#cancelHold();
    this.#cancelRenewal();
    this.#link?.end();
    this.#link = undefined;
    this.#outbox.disconnect();
    this.#presence.stop();
    this.#tellPeers(new Map());
    for (const resolve of this.#checks.values()) resolve(undefined);
    this.#checks.clear();
  }

  #reach(reachable: boolean): void {
    if (this.#reachable === reachable) return;
    this.#reachable = reachable;
    if (reachable) {
      this.#failures = 0;
      this.#dial();
    } else this.#lose("network_offline");
  }

  /** Lets the machine take an input; whether it changed the status. */
  #goes(input: StatusInput): boolean {
    const next = transitions[this.#status][input];
    if (!next) return false;
    this.#status = next;
    return true;
  }

  #tell(reason: StatusReason, problem?: Problem, more?: Pick<StatusReport, "retryAt">): void {
    const report = { status: this.#status, reason, ...more, ...(problem && { problem }) };
    this.#host.take({ kind: "status", report });
  }

  // — what the server says

  #take(message: ServerMessage): void {
    // Without `connected` nothing says which log is spoken of: that frame was lost.
    if (this.#status === "connecting" && !greetings.has(message.type)) {
      this.#lose("connection_lost");
      return;
    }
    switch (message.type) {
      case "connected":
        this.#takeConnected(message);
        return;
      case "sync_response":
        this.#takePage(message);
        return;
      case "broadcast":
        this.#inbox.put(message.payload);
        return;
      case "event_accepted": {
        const { draftId, eventId, event } = message.payload;
        this.#inbox.put({ eventId, event, draftId });
        this.#answered(draftId);
        this.#decide(draftId, { status: "accepted", eventId, event }, eventId);
        return;
      }
      case "event_rejected": {
        const { draftId, reason: _, ...rest } = message.payload;
        this.#answered(draftId);
        this.#decide(draftId, { status: "rejected", problem: rest as unknown as Problem, local: false }, 0);
        return;
      }
      case "events_result":
        this.#takeResult(message);
        return;
      case "head":
        this.#sync();
        return;
      case "error":
        this.#takeError(message);
        return;
      case "presence":
        this.#takePresence(message.payload);
        return;
      case "hash":
        void this.#takeHash(message);
        return;
      case "draining":
        this.#lose("draining", { hintMs: message.payload.reconnectAfterMs });
        return;
      case "renewed":
        this.#renewIn(message.payload.expiresAt - message.timestamp);
        return;
      case "heartbeat":
        return;
    }
  }

  #takeConnected({ payload, timestamp }: Of<"connected">): void {
    // A network that doubled the frame.
    if (this.#status !== "connecting") return;
    const { serverId, currentEventIndex, initialState, limits, peerId, expiresAt } = payload;
    this.#link!.met("connect");
    const { serverId: known, eventId } = this.#host.cursor;
    // A log without events may get another id, and nothing is lost with it.
    if (!this.#fetch && known !== undefined && known !== serverId && eventId > 0) {
      this.#refetch("log_replaced");
      return;
    }
    this.#peerId = peerId;
    this.#renewIn((expiresAt ?? 0) - timestamp);
    if (limits?.["inFlightMax"] !== undefined) this.#outbox.limit(limits["inFlightMax"]);
    this.#retentionMs = limits?.["rejectionRetentionMs"] ?? defaultRetentionMs;
    this.#goes("connected");
    this.#tell("ok");
    if (this.#fetch) {
      const why = this.#fetch;
      this.#fetch = undefined;
      this.#inbox.begin(currentEventIndex);
      const sent = [...this.#outbox.sentKeys()];
      this.#host.take({ kind: "reset", serverId, eventId: currentEventIndex, state: initialState as Json, sent, why });
      this.#caughtUp();
    } else {
      if (known !== serverId) {
        this.#reopen();
        this.#host.take({ kind: "log", serverId });
      }
      this.#syncing = true;
      this.#link!.expect("page", this.#options.timing.answerMs);
    }
  }

  #takePage({ payload }: Of<"sync_response">): void {
    const { events, currentEventIndex, hasMore, nextSinceEventId } = payload;
    for (const event of events) this.#inbox.put(event);
    if (!this.#syncing) return;
    this.#syncing = false;
    this.#link!.met("page");
    if (currentEventIndex - nextSinceEventId > farBehindEvents) this.#refetch("far_behind");
    else if (hasMore) this.#sync();
    else this.#caughtUp();
  }

  #takeResult({ payload: { batchId, results } }: Of<"events_result">): void {
    let last = 0;
    for (const result of results) {
      if (result.status !== "accepted") continue;
      this.#inbox.put(result);
      last = Math.max(last, result.eventId);
    }
    this.#answered(batchId);
    const members = results.map(memberOf);
    const refused = members.find((member) => member.status === "not_processed" && member.problem?.retryable);
    if (refused && "problem" in refused) this.#refuse(batchId, refused.problem!);
    else {
      const accepted = members.every(({ status }) => status === "accepted");
      this.#decide(batchId, { status: accepted ? "accepted" : "rejected", results: members }, last);
    }
  }

  #takeError({ payload, inReplyTo }: Of<"error">): void {
    const { draftId, message: _, ...problem } = payload;
    const hintMs = (problem.retryAfter ?? 0) * 1_000;
    // The next attempt asks for a fresh token.
    if (/^(unauth|auth_)/.test(problem.code)) this.#lose("refused", { problem });
    else if (draftId !== undefined && this.#outbox.get(draftId)) {
      this.#answered(draftId);
      if (problem.retryable) this.#refuse(draftId, problem);
      else this.#decide(draftId, { status: "parked", problem }, 0);
    } else if (problem.code === "cursor_ahead") this.#refetch("log_replaced");
    else if (problem.code === "upgrade_required") this.#end("upgrade_required", problem);
    // It is tried again before the present token expires.
    else if (problem.retryable && inReplyTo !== undefined && inReplyTo === this.#renewalId) return;
    // A network that doubled the `connect`: nothing was changed.
    else if (problem.code === "already_connected") return;
    else if (problem.retryable) this.#lose("refused", { hintMs, problem });
    // What is refused at the door, or as an answer to `connect`, is refused next time, too.
    else if (atTheDoor.has(problem.code) || inReplyTo === this.#connectId) this.#end("refused", problem);
  }

  #afterFrame(length: number): void {
    this.#deliver();
    if (!this.#link) return;
    if (this.#broken !== undefined) {
      this.#broken = undefined;
      this.#lose("connection_lost");
      return;
    }
    // A hole: a frame was lost, or it comes in another order than it was sent.
    if (this.#inbox.hasHole) this.#sync();
    this.#unacknowledged += length;
    if (this.#unacknowledged * 2 >= creditBytes && this.#status === "online") {
      this.#unacknowledged = 0;
      this.#link.send("ack", { eventId: this.#inbox.cursor });
    }
    this.#drain();
    this.#tellProgress();
  }

  /** Hands on what follows the cursor, and then the verdicts that waited for it. */
  #deliver(): void {
    const { events, verdicts } = this.#inbox.take();
    try {
      if (events.length > 0) this.#host.take({ kind: "events", events });
    } catch (error) {
      if (!(error instanceof FoldError)) throw error;
      this.#end("upgrade_required", undefined);
      return;
    }
    for (const { key, verdict } of verdicts) {
      this.#outbox.remove(key);
      this.#host.take({ kind: "verdict", key, verdict });
    }
  }

  /** The log is another one: what waits for events of the old one is undecided in it. */
  #reopen(): void {
    this.#deliver();
    this.#inbox.forgetVerdicts();
    this.#outbox.reopen();
  }

  #sync(): void {
    if (this.#syncing || !this.#link) return;
    this.#deliver();
    if (this.#goes("fell_behind")) this.#tell("ok");
    this.#syncing = true;
    this.#link?.send("sync", { sinceEventId: this.#inbox.cursor });
    this.#link?.expect("page", this.#options.timing.answerMs);
  }

  #caughtUp(): void {
    this.#deliver();
    if (!this.#goes("caught_up")) return;
    this.#tell("ok");
    this.#cancelStable();
    this.#cancelStable = this.#ports.after(stableMs, () => (this.#failures = 0));
    for (const { key } of this.#outbox.olderThan(this.#ports.now() - this.#retentionMs)) {
      this.#settle(key, { status: "expired" });
    }
    this.#presence.begin();
    this.#drain();
  }

  // — the queue

  #drain(): void {
    const link = this.#link;
    if (this.#status !== "online" || !link) return;
    this.#cancelHold();
    const now = this.#ports.now();
    for (const entry of this.#outbox.take(now)) link.send(...messageOf(entry));
    const { heldUntil } = this.#outbox;
    if (this.#outbox.inFlight === 0 && heldUntil !== undefined) {
      this.#cancelHold = this.#ports.after(Math.max(heldUntil - now, 0), () => this.#drain());
    }
    if (this.#outbox.awaited === undefined) link.met("verdict");
    else link.expect("verdict", this.#options.timing.answerMs);
  }

  /** An answer for this key has come. All are answered in order: one that was passed over is lost. */
  #answered(key: string): void {
    const { awaited } = this.#outbox;
    if (this.#outbox.get(key) && awaited !== undefined && awaited !== key) this.#broken = "a verdict was skipped";
  }

  #refuse(key: string, { retryAfter = 1 }: Problem): void {
    const jitterMs = this.#ports.random() * 250;
    this.#outbox.refuse(key, this.#ports.now(), retryAfter * 1_000 + jitterMs);
  }

  /** The entry is decided; told when the events up to `eventId` were. */
  #decide(key: string, verdict: Verdict | BatchVerdict, eventId: number): void {
    if (!this.#outbox.get(key)) return;
    this.#outbox.decide(key);
    this.#inbox.decide(key, verdict, eventId);
  }

  /** The entry leaves the queue without an answer. */
  #settle(key: string, verdict: Verdict): void {
    this.#outbox.remove(key);
    this.#host.take({ kind: "verdict", key, verdict });
    this.#tellProgress();
  }

  #tellProgress(): void {
    const undecided = this.#outbox.size;
    if (undecided === this.#undecidedTold) return;
    this.#undecidedTold = undecided;
    this.#host.take({ kind: "progress", undecided });
  }

  // — the others, and ourselves

  #takePresence({ peers, gone, all }: Of<"presence">["payload"]): void {
    const present = all ? new Map<string, Peer>() : new Map(this.#peers);
    for (const peerId of gone ?? []) present.delete(peerId);
    for (const peer of peers) if (peer.peerId !== this.#peerId) present.set(peer.peerId, peer);
    this.#tellPeers(present);
  }

  #tellPeers(present: Map<string, Peer>): void {
    if (present.size === 0 && this.#peers.size === 0) return;
    this.#peers = present;
    this.#host.take({ kind: "peers", peers: [...present.values()] });
  }

  async #takeHash({ payload, inReplyTo }: Of<"hash">): Promise<void> {
    const resolve = this.#checks.get(inReplyTo);
    if (!resolve) return;
    this.#link?.met(inReplyTo);
    this.#checks.delete(inReplyTo);
    this.#deliver();
    // A hole is being filled: what is here now is not what the server has hashed.
    if (payload.eventIndex !== this.#inbox.cursor) {
      resolve(undefined);
      return;
    }
    const same = (await this.#host.hash()) === payload.sha256;
    if (!same) this.#refetch("diverged");
    resolve(same);
  }
}

function messageOf({ key, mode, drafts }: QueueEntry): [type: string, payload: JsonObject] {
  const events = drafts.map(({ draftId, type, payload, version, expectedEventId }) => ({
    draftId,
    event: { type, payload, ...(version === undefined ? {} : { version }) },
    ...(expectedEventId === undefined ? {} : { expectedEventId }),
  }));
  return mode === "single" ? ["submit_event", events[0]!] : ["submit_events", { batchId: key, mode, events }];
}

function memberOf(result: WireBatchResult): MemberVerdict {
  const { draftId } = result;
  if (result.status === "accepted")
    return { draftId, status: "accepted", eventId: result.eventId, event: result.event };
  if (!("code" in result)) return { draftId, status: "not_processed" };
  // `status` is the member's fate there; the problem's own is that of its code.
  const { status, draftId: _, ...rest } = result;
  return { draftId, status, problem: problem(rest, rest) };
}
