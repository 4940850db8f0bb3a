import type { Timing } from "../../../src/client/index.ts";
import type { ServerMessage } from "../../../src/protocol/index.ts";
import type { Schedule } from "../schedule.ts";
import type { Reporter } from "./reporter.ts";

/** The parts of a watch. */
export interface WatchParts {
  readonly schedule: Schedule;
  readonly timing: Timing;
  /** Keys with an outcome: they are never sent again. */
  readonly settled: Set<string>;
  readonly reporter: Reporter;
}

/** The longest delay that a server asks for, in milliseconds. */
const idleMsMax = 32_000;

/** After silent connections, the client waits longer while it is not online: at most this many times as long. */
const patienceMax = 8;

/** The checked part of a frame of the client. */
interface Sent {
  type: string;
  payload?: { draftId?: string; batchId?: string };
}

/**
 * Checks the frames of one connection at the client's end: the client must obey refusals, request missing
 * events, and end a silent connection.
 */
export class Watch {
  readonly #parts: WatchParts;
  /** Keys that were sent, and not answered yet. */
  readonly #unanswered = new Set<string>();
  /** Until when nothing may be sent, after a refusal. */
  #heldUntil: number | undefined;
  #heardAt: number | undefined;
  /** The last event that it received, and since when the client is behind it. */
  #highest = 0;
  #aheadSince: number | undefined;
  /** Whether it waits for a page. */
  #asking = false;
  /** Since when nothing is in flight. */
  #idleSince: number | undefined;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  opened(): void {
    this.#heardAt = this.#parts.schedule.now;
  }

  /** Returns the keys of the drafts and batches in the frame. */
  sent(frame: string): string[] {
    const messages = [JSON.parse(frame) as Sent | Sent[]].flat();
    return messages.map((message) => this.#sent(message)).filter((key) => key !== undefined);
  }

  #sent({ type, payload }: Sent): string | undefined {
    if (type === "sync" || type === "connect") this.#asking = true;
    const key = type === "submit_event" ? payload!.draftId : type === "submit_events" ? payload!.batchId : undefined;
    if (key === undefined) return undefined;
    const { settled, schedule, reporter } = this.#parts;
    if (settled.has(key)) reporter.violated(`${key} has its outcome, and is sent again`);
    if (this.#heldUntil !== undefined) {
      if (schedule.now < this.#heldUntil)
        reporter.violated(`${key} is sent before the time that the refusal asked for`);
      if (this.#unanswered.size > 0) reporter.violated(`${key} is sent after a refusal, while others are not answered`);
      this.#heldUntil = undefined;
    }
    this.#unanswered.add(key);
    return key;
  }

  /** Checks the messages of a frame, before the client gets them. */
  received(messages: readonly ServerMessage[]): void {
    this.#heardAt = this.#parts.schedule.now;
    for (const message of messages) this.#take(message);
  }

  /** The clock of the device was set: measured waiting times are invalid. */
  clockJumped(): void {
    if (this.#heldUntil !== undefined) this.#heldUntil = 0;
  }

  /** Called regularly, with the last event of the client, and whether it is online, and has something to send. */
  check(eventId: number, online: boolean, sending: boolean): void {
    const { schedule, timing, reporter } = this.#parts;
    const { now } = schedule;
    const sinceOr = (since: number | undefined, holds: boolean) => (holds ? (since ?? now) : undefined);
    this.#idleSince = sinceOr(this.#idleSince, sending && this.#unanswered.size === 0);
    this.#aheadSince = sinceOr(this.#aheadSince, eventId < this.#highest);
    const isLong = (since: number | undefined, ms: number) => since !== undefined && now - since > ms;
    const patience = online ? 1 : patienceMax;
    const silentMsMax = timing.heartbeatMs + patience * timing.heartbeatAnswerMs + 1;
    // Without a page it ends the connection; that may happen while another page is in flight.
    const aheadMsMax = patience * 2 * timing.answerMs + 1;
    const say = (holds: boolean, what: string) => reporter.check(!holds, () => what);
    say(isLong(this.#heardAt, silentMsMax), `nothing was heard for ${silentMsMax} ms, and it waits still`);
    say(isLong(this.#idleSince, idleMsMax), `it has something to send, and has not for ${idleMsMax} ms`);
    say(this.#aheadSince !== undefined && !this.#asking, `it misses events before ${this.#highest}, and does not ask`);
    say(isLong(this.#aheadSince, aheadMsMax), `it knows of event ${this.#highest}, and is at ${eventId} for long`);
  }

  #take(message: ServerMessage): void {
    const { settled } = this.#parts;
    switch (message.type) {
      case "connected":
        if (message.payload.initialState !== undefined) this.#asking = false;
        return;
      case "sync_response":
        this.#asking = false;
        return;
      case "broadcast":
        this.#highest = Math.max(this.#highest, message.payload.eventId);
        return;
      case "event_accepted":
        this.#highest = Math.max(this.#highest, message.payload.eventId);
        this.#settle(message.payload.draftId);
        return;
      case "event_rejected":
        this.#settle(message.payload.draftId);
        return;
      case "events_result": {
        const { batchId, results } = message.payload;
        const refused = results.find(
          (result) => result.status === "not_processed" && "code" in result && result.retryable,
        );
        if (refused && "code" in refused) this.#hold(batchId, refused.retryAfter);
        else this.#settle(batchId);
        return;
      }
      case "error": {
        const { draftId, retryable, retryAfter } = message.payload;
        if (draftId === undefined || settled.has(draftId)) return;
        if (retryable) this.#hold(draftId, retryAfter);
        else this.#settle(draftId);
      }
    }
  }

  /** It was refused temporarily. */
  #hold(key: string, retryAfter = 0): void {
    this.#unanswered.delete(key);
    this.#heldUntil = Math.max(this.#heldUntil ?? 0, this.#parts.schedule.now + retryAfter * 1_000);
  }

  #settle(key: string): void {
    this.#unanswered.delete(key);
    this.#parts.settled.add(key);
  }
}
