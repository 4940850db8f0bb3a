import { FoldError } from "../../model/index.ts";
import type { Problem } from "../../protocol/index.ts";
import type { Link } from "../transport/link.ts";
import type { Ports } from "../transport/ports.ts";
import { within } from "../transport/within.ts";
import type { QueueEntry } from "../stores/store.ts";
import type { EngineHost } from "./backend.ts";
import { Inbox } from "./inbox.ts";
import { memberVerdictOf, type MessageOf, submissionOf } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import type { StatusMachine } from "./status.ts";
import type { BatchVerdict, Verdict } from "./verdict.ts";

/** How long entries wait at most for the answer to those in flight, to be sent in one frame: others see them that much later. */
const gatherMs = 50;

/** How long a store may take to mark entries: as long as IndexedDB may take to open. */
const markMs = 5_000;

/** Refusals that show that the log does not have the draft: the server has looked for it before (docs/PROTOCOL.md, 4.4). */
const refusalsAfterLookUp = /^(r|q|dr)/;

/**
 * Brings entries to the server, and events and verdicts to the host, each in its order. It outlives
 * connections: what is undecided is sent again on the next one.
 */
export class Delivery {
  readonly outbox = new Outbox();
  readonly inbox = new Inbox();
  /** How many messages the server accepts in one frame. */
  frameMessagesMax = 1;
  /** How long the server remembers rejections. */
  retentionMs = Infinity;
  readonly #ports: Ports;
  readonly #host: EngineHost;
  readonly #status: StatusMachine;
  readonly #answerMs: number;
  #link: Link | undefined;
  #cancelHold = () => {};
  /** Set while entries wait for what is in flight. */
  #cancelGather: (() => void) | undefined;
  #reported = 0;
  #marking = false;
  #skipped = false;

  /** `answerMs`: how long a verdict may take. */
  constructor(ports: Ports, host: EngineHost, status: StatusMachine, answerMs: number) {
    this.#ports = ports;
    this.#host = host;
    this.#status = status;
    this.#answerMs = answerMs;
  }

  /** Whether an answer of this connection was lost. */
  get skipped(): boolean {
    return this.#skipped;
  }

  connect(link: Link): void {
    this.#link = link;
  }

  disconnect(): void {
    this.#cancelHold();
    this.#stopGathering();
    this.#link = undefined;
    this.#skipped = false;
    this.#status.held = undefined;
    this.outbox.disconnect(this.#ports.now());
  }

  /** Adds an entry at the end. `sent`: the server may have seen it. */
  add(entry: QueueEntry, sent: boolean): void {
    this.outbox.add(entry, sent, this.#ports.now());
  }

  /** See `Outbox`. */
  canWithdraw(key: string, replaced?: true): boolean {
    return this.outbox.canWithdraw(key, this.#ports.now(), replaced);
  }

  /** See `EngineHost`. Undefined: no other program sends it, or it is marked by this one. */
  release(key: string): Promise<boolean> | undefined {
    return this.outbox.get(key)?.sentAt === 0 ? this.#host.release?.(key) : undefined;
  }

  /**
   * Sends the entries whose turn it is, while the client is online. What is made while others are in flight waits for
   * their answer, but not for long (`due`), so that it is one frame.
   */
  drain(due = false): void {
    const link = this.#link;
    const { outbox, frameMessagesMax } = this;
    if (this.#status.status !== "online" || !link) return;
    this.#cancelHold();
    void this.#mark();
    const now = this.#ports.now();
    if (due || outbox.inFlight === 0 || outbox.hasUnsent(frameMessagesMax)) {
      this.#stopGathering();
      link.together(frameMessagesMax, () => {
        for (const entry of outbox.take(now)) link.send(...submissionOf(entry));
      });
    } else if (outbox.hasUnsent(1)) this.#cancelGather ??= this.#ports.after(gatherMs, () => this.drain(true));
    const { heldUntil, inFlight, awaited } = outbox;
    if (inFlight === 0 && heldUntil !== undefined) {
      this.#cancelHold = this.#ports.after(Math.max(heldUntil - now, 0), () => this.drain());
    }
    if (awaited) link.expect("verdict", this.#answerMs);
    else link.met("verdict");
    if (this.#status.held === outbox.held) return;
    this.#status.held = outbox.held;
    this.#status.report("ok");
  }

  /** An entry is sent only when it is stored that the server may see it, or the store hangs. */
  async #mark(): Promise<void> {
    const marked = this.#marking ? [] : this.outbox.unmarked(this.#status.serverTime!);
    if (marked.length === 0) return;
    this.#marking = true;
    const gone = await within(this.#ports, markMs, this.#host.mark(marked));
    this.#marking = false;
    this.outbox.mark(marked);
    for (const { key } of gone ?? []) this.#remove(key, { status: "withdrawn", lost: true });
    this.drain();
  }

  #stopGathering(): void {
    this.#cancelGather?.();
    this.#cancelGather = undefined;
  }

  /** Delivers the next events of the log, and then the verdicts that waited for them. If the host throws, these stay. */
  deliver(): void {
    try {
      const events = this.inbox.takeEvents();
      if (events.length > 0) this.#host.take({ kind: "events", events });
    } catch (error) {
      if (!(error instanceof FoldError)) throw error;
      this.stand();
    }
    for (let due = this.inbox.takeVerdict(); due; due = this.inbox.takeVerdict()) this.#remove(due.key, due.verdict);
  }

  /** The model here cannot fold what the server has: from now on there are verdicts only. */
  stand(): void {
    this.#status.still = true;
    this.inbox.stop();
    this.#status.report("ok");
  }

  /** The log was replaced: an entry that waits for events of the old log is undecided in the new one. */
  reopen(): void {
    this.deliver();
    this.inbox.forgetVerdicts();
    this.outbox.reopen();
  }

  accepted(payload: MessageOf<"event_accepted">["payload"]): void {
    const { draftId, eventId, event } = payload;
    this.inbox.put(payload);
    this.#answered(draftId);
    this.#decide(draftId, { status: "accepted", eventId, event }, eventId);
  }

  rejected(payload: MessageOf<"event_rejected">["payload"]): void {
    const { draftId, reason: _, ...problem } = payload;
    this.#answered(draftId);
    this.#decide(draftId, { status: "rejected", problem, local: false });
  }

  batchDecided({ batchId, results }: MessageOf<"events_result">["payload"]): void {
    let last = 0;
    for (const result of results) {
      if (result.status !== "accepted") continue;
      this.inbox.put(result);
      last = Math.max(last, result.eventId);
    }
    this.#answered(batchId);
    const members = results.map(memberVerdictOf);
    const refused = members.find((member) => member.status === "not_processed" && member.problem?.retryable);
    const untouched = members.every(({ status }) => status === "not_processed");
    if (refused && "problem" in refused) this.#refuse(batchId, refused.problem!, untouched);
    else {
      const accepted = members.every(({ status }) => status === "accepted");
      this.#decide(batchId, { status: accepted ? "accepted" : "rejected", results: members }, last);
    }
  }

  /** The server did not decide the entry. It is sent again later if the problem can pass, and parked if not. */
  failed(key: string, problem: Problem): void {
    this.#answered(key);
    if (problem.retryable) this.#refuse(key, problem, true);
    else this.#decide(key, { status: "parked", problem });
  }

  /** The entry leaves the queue without an answer of the server. */
  settle(key: string, verdict: Verdict): void {
    this.#remove(key, verdict);
    this.reportProgress();
  }

  /** Drops entries sent so long ago that the server may have forgotten their rejections: sent again, they might be accepted. */
  expire(): void {
    for (const { key } of this.outbox.sentBefore(this.#status.serverTime! - this.retentionMs)) {
      this.settle(key, { status: "expired" });
    }
  }

  reportProgress(): void {
    const undecided = this.outbox.size;
    if (undecided === this.#reported) return;
    this.#reported = undecided;
    this.#host.take({ kind: "progress", undecided });
  }

  /** The server answers in order: if another key was next, an answer was lost. */
  #answered(key: string): void {
    const { awaited } = this.outbox;
    if (this.outbox.get(key) && awaited && awaited !== key) this.#skipped = true;
  }

  /** The entry is decided. Its verdict is delivered after the events up to `eventId`. */
  #decide(key: string, verdict: Verdict | BatchVerdict, eventId = 0): void {
    if (!this.outbox.get(key)) return;
    this.outbox.decide(key);
    this.inbox.decide(key, verdict, eventId);
  }

  /** `untouched`: no draft of the entry was decided. */
  #refuse(key: string, problem: Problem, untouched: boolean): void {
    const { code, retryAfter = 1, rateLimit } = problem;
    const jitterMs = this.#ports.random() * 250;
    const undecided = untouched && refusalsAfterLookUp.test(code) && rateLimit?.policy !== "replays";
    this.outbox.refuse(key, problem, this.#ports.now(), retryAfter * 1_000 + jitterMs, undecided);
  }

  #remove(key: string, verdict: Verdict | BatchVerdict): void {
    this.outbox.remove(key);
    this.#host.take({ kind: "verdict", key, verdict });
  }
}
