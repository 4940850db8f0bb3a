/** @import { NumberedEvent, Problem, ServerMessage } from "../protocol/index.ts" */

/** The frame that the partition answers without being woken. */
const heartbeatFrame = '{"type":"heartbeat"}';
const heartbeatMs = 30_000;
/** The pause before a new attempt to connect: random, up to a bound that doubles from the first to the second. */
const retryMsMin = 500;
const retryMsMax = 15_000;
/** Drafts that may be without a verdict. */
const queueMax = 200;

/**
 * @typedef {{ type: string, payload: object }} DraftEvent
 * @typedef {{ draftId: string, event: DraftEvent, about: string, label: string }} Draft
 *   `about`: the id of the node it concerns; `label`: what it does, in words.
 * @typedef {"cut" | "connecting" | "catching up" | "connected" | "waiting"} Status
 *   `waiting`: the connection was lost; the next attempt is on its way.
 */

/**
 * What a connection tells.
 * @typedef {object} Listener
 * @property {(state: unknown) => void} [onState] the state at the cursor, undefined until it comes; what was known before is void
 * @property {(event: NumberedEvent) => void} onEvent the event after the cursor
 * @property {(events: number) => void} [onCaughtUp] so many were missing, and are not any more
 * @property {(draft: Draft, problem: Problem) => void} [onRefused] the draft is settled, and not in the log
 * @property {(detail: string) => void} [onProblem] something is wrong with the connection itself
 * @property {() => void} onChange status, cursor, head or queue changed
 */

/**
 * One WebSocket to a partition, and the queue of drafts that wait for a verdict. It hands out the
 * events of the log in order, without a hole and each once, however often the line breaks.
 */
export class Connection {
  /** @type {Status} */
  status = "cut";
  /** The last event that was handed out. */
  cursor = 0;
  /** The last event of the log, as far as this connection was told. */
  head = 0;
  /** @type {Draft[]} */
  queue = [];

  #address;
  #clientId;
  #historyMax;
  #listener;
  /** @type {WebSocket | undefined} */
  #socket;
  /**
   * The identity of the log that cursor and state belong to.
   * @type {string | undefined}
   */
  #serverId;
  #attempts = 0;
  /** Whether anything came since the last heartbeat. */
  #answered = true;
  #behindSince = 0;
  #retryTimer = 0;
  #resendTimer = 0;
  #heartbeatTimer = 0;

  /**
   * @param {{ partition: string, clientId: string, historyMax?: number }} options
   *   with `historyMax` it begins that many events before the head, without it with the state at the head
   * @param {Listener} listener
   */
  constructor({ partition, clientId, historyMax }, listener) {
    this.#address = new URL(`/v1/partitions/${encodeURIComponent(partition)}/ws`, location.href);
    this.#address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.#clientId = clientId;
    this.#historyMax = historyMax;
    this.#listener = listener;
  }

  open() {
    this.#hangUp();
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    // A socket that was hung up may still say something: then it is not this one any more.
    const current = () => this.#socket === socket;
    let opened = false;
    socket.addEventListener("open", () => {
      if (!current()) return;
      opened = true;
      this.#greet();
      this.#keepAlive();
    });
    socket.addEventListener("message", ({ data }) => {
      if (current()) this.#receive(JSON.parse(data));
    });
    socket.addEventListener("close", () => {
      if (!current()) return;
      this.#lost();
      if (!opened) void this.#askWhy();
    });
    this.#become("connecting");
  }

  cut() {
    this.#hangUp();
    this.#become("cut");
  }

  /**
   * Queues a draft, and sends it at once if the line is up. Until its verdict it is sent again after
   * each reconnect, under the same id: the partition counts it once.
   *
   * @param {DraftEvent} event
   * @param {string} about
   * @param {string} label
   * @returns {boolean} false: the queue is full
   */
  submit(event, about, label) {
    if (this.queue.length >= queueMax) return false;
    const draft = { draftId: crypto.randomUUID(), event, about, label };
    this.queue.push(draft);
    if (this.status === "connected") this.#sendDraft(draft);
    this.#listener.onChange();
    return true;
  }

  #greet() {
    // From the state, or from the log: whatever was handed out once is never asked for again.
    const known = this.#serverId !== undefined;
    const from = known ? { sinceEventId: this.cursor } : this.#historyMax === undefined ? { initialState: true } : {};
    this.#send("connect", { clientId: this.#clientId, version: "1", ...from });
  }

  /** @param {ServerMessage} message */
  #receive(message) {
    this.#answered = true;
    switch (message.type) {
      case "connected":
        return this.#connected(message.payload);
      case "sync_response":
        return this.#takePage(message.payload);
      case "broadcast":
        this.#take(message.payload);
        return this.#listener.onChange();
      case "event_accepted":
        // The event itself comes as a broadcast, in its place.
        this.#settle(message.payload.draftId);
        return this.#listener.onChange();
      case "event_rejected":
        return this.#refused(message.payload.draftId, /** @type {Problem} */ (message.payload));
      case "error":
        return this.#failed(message.payload);
    }
  }

  /** @param {Extract<ServerMessage, { type: "connected" }>["payload"]} payload */
  #connected({ serverId, currentEventIndex, initialState }) {
    if (this.#serverId !== undefined && this.#serverId !== serverId) return this.#startOver();
    const first = this.#serverId === undefined;
    this.#serverId = serverId;
    this.head = currentEventIndex;
    if (initialState !== undefined) {
      this.cursor = currentEventIndex;
      this.#listener.onState?.(initialState);
      return this.#live();
    }
    if (first) this.cursor = Math.max(0, currentEventIndex - (this.#historyMax ?? 0));
    this.#behindSince = this.cursor;
    this.#become("catching up");
    // On a reconnect the first page follows by itself.
    if (first) this.#pull();
  }

  /** @param {Extract<ServerMessage, { type: "sync_response" }>["payload"]} page */
  #takePage({ snapshot, events, currentEventIndex, hasMore }) {
    if (snapshot) {
      this.cursor = snapshot.eventIndex;
      this.#listener.onState?.(snapshot.state);
    }
    for (const event of events) this.#take(event);
    this.head = Math.max(this.head, currentEventIndex);
    if (hasMore) {
      this.#pull();
      return this.#listener.onChange();
    }
    if (this.cursor > this.#behindSince) this.#listener.onCaughtUp?.(this.cursor - this.#behindSince);
    this.#live();
  }

  /** @param {NumberedEvent} event */
  #take(event) {
    this.head = Math.max(this.head, event.eventId);
    if (event.eventId <= this.cursor) return;
    if (event.eventId === this.cursor + 1) {
      this.cursor = event.eventId;
      this.#listener.onEvent(event);
    } else if (this.status === "connected") {
      // A hole. What lies in it is in the log, so it is pulled from there.
      this.#behindSince = this.cursor;
      this.status = "catching up";
      this.#pull();
    }
  }

  #live() {
    this.#attempts = 0;
    this.#become("connected");
    this.#sendQueue();
  }

  /** @param {Extract<ServerMessage, { type: "error" }>["payload"]} problem */
  #failed(problem) {
    // The log ends before the cursor: it is not the one that was seen here.
    if (problem.code === "cursor_ahead") return this.#startOver();
    if (problem.draftId === undefined) return this.#listener.onProblem?.(problem.detail);
    if (!problem.retryable) return this.#refused(problem.draftId, problem);
    // Not a verdict. The partition refuses all later drafts until this one comes again, so all do, in order.
    this.#listener.onProblem?.(problem.detail);
    clearTimeout(this.#resendTimer);
    this.#resendTimer = setTimeout(() => this.#sendQueue(), (problem.retryAfter ?? 1) * 1_000);
  }

  /**
   * @param {string} draftId
   * @param {Problem} problem
   */
  #refused(draftId, problem) {
    const draft = this.#settle(draftId);
    if (draft) this.#listener.onRefused?.(draft, problem);
    this.#listener.onChange();
  }

  /** @param {string} draftId */
  #settle(draftId) {
    const at = this.queue.findIndex((draft) => draft.draftId === draftId);
    return at < 0 ? undefined : this.queue.splice(at, 1)[0];
  }

  /** Another log under the same name (a restored backup): what was seen of the old one is void. */
  #startOver() {
    this.#serverId = undefined;
    this.cursor = 0;
    this.head = 0;
    this.#listener.onState?.(undefined);
    this.open();
  }

  #pull() {
    this.#send("sync", { sinceEventId: this.cursor });
  }

  #sendQueue() {
    if (this.status === "connected") for (const draft of this.queue) this.#sendDraft(draft);
  }

  /** @param {Draft} draft */
  #sendDraft({ draftId, event }) {
    this.#send("submit_event", { draftId, event });
  }

  /**
   * @param {string} type
   * @param {object} payload
   */
  #send(type, payload) {
    this.#socket?.send(JSON.stringify({ id: crypto.randomUUID(), type, timestamp: Date.now(), payload }));
  }

  #keepAlive() {
    this.#answered = true;
    this.#heartbeatTimer = setInterval(() => {
      // Since the last beat nothing came, not even its answer: nobody is there.
      if (!this.#answered) return this.#lost();
      this.#answered = false;
      this.#socket?.send(heartbeatFrame);
    }, heartbeatMs);
  }

  #lost() {
    this.#hangUp();
    const bound = Math.min(retryMsMax, retryMsMin * 2 ** this.#attempts++);
    this.#retryTimer = setTimeout(() => this.open(), retryMsMin + Math.random() * bound);
    this.#become("waiting");
  }

  #hangUp() {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#resendTimer);
    clearInterval(this.#heartbeatTimer);
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** A browser does not say why an upgrade was refused; plain HTTP does. */
  async #askWhy() {
    const address = new URL("events?limit=1", this.#address.href);
    address.protocol = location.protocol;
    try {
      const response = await fetch(address);
      if (!response.ok) this.#listener.onProblem?.((await response.json()).detail);
    } catch {
      this.#listener.onProblem?.("The server does not answer.");
    }
  }

  /** @param {Status} status */
  #become(status) {
    this.status = status;
    this.#listener.onChange();
  }
}
