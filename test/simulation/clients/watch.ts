import type { Timing } from "../../../src/client/index.ts";
import type { ServerMessage } from "../../../src/protocol/index.ts";
import type { Schedule } from "../schedule.ts";
import type { Reporter } from "./reporter.ts";

/** What a watch is made of. */
export interface WatchParts {
  readonly schedule: Schedule;
  readonly timing: Timing;
  /** Keys that have their outcome: they are never sent again. */
  readonly settled: Set<string>;
  readonly reporter: Reporter;
}

/** A server asks for no longer pauses than this, in milliseconds. */
const idleMsMax = 32_000;

/** What is looked at in a frame of the client. */
interface Sent {
  type: string;
  payload?: { draftId?: string; batchId?: string };
}

/**
 * What passes between a client and one of its connections, as the client's end sees it, and what the
 * client owes: to obey refusals, to ask for what it misses, and to give up what is silent.
 */
export class Watch {
  readonly #parts: WatchParts;
  /** Keys that were sent, and not answered yet. */
  readonly #unanswered = new Set<string>();
  /** Until when nothing may be sent, after a refusal. */
  #heldUntil: number | undefined;
  #heardAt: number | undefined;
  /** The last event that it was given, and since when it is ahead of what the client has. */
  #highest = 0;
  #aheadSince: number | undefined;
  /** Whether it has asked for a page that has not come. */
  #asking = false;
  /** Since when nothing is on its way. */
  #idleSince: number | undefined;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  opened(): void {
    this.#heardAt = this.#parts.schedule.now;
  }

  /** Returns the key of the draft or batch in the frame, if there is one. */
  sent(frame: string): string | undefined {
    const { type, payload } = JSON.parse(frame) as Sent;
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

  /** Takes the messages of a frame, before the client does. */
  received(messages: readonly ServerMessage[]): void {
    this.#heardAt = this.#parts.schedule.now;
    for (const message of messages) this.#take(message);
  }

  /** The device's clock was set: nobody can say any more how long it has waited. */
  clockJumped(): void {
    if (this.#heldUntil !== undefined) this.#heldUntil = 0;
  }

  /** Called now and then, with the last event that the client has, and whether it is to send something. */
  check(eventId: number, sending: boolean): void {
    const { schedule, timing, reporter } = this.#parts;
    const { now } = schedule;
    const sinceOr = (since: number | undefined, holds: boolean) => (holds ? (since ?? now) : undefined);
    this.#idleSince = sinceOr(this.#idleSince, sending && this.#unanswered.size === 0);
    this.#aheadSince = sinceOr(this.#aheadSince, eventId < this.#highest);
    const isLong = (since: number | undefined, ms: number) => since !== undefined && now - since > ms;
    const silentMsMax = timing.heartbeatMs + timing.heartbeatAnswerMs + 1;
    // If no page comes it gives the connection up; that may happen while another page is under way.
    const aheadMsMax = 2 * timing.answerMs + 1;
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

  /** It was refused for now. */
  #hold(key: string, retryAfter = 0): void {
    this.#unanswered.delete(key);
    this.#heldUntil = Math.max(this.#heldUntil ?? 0, this.#parts.schedule.now + retryAfter * 1_000);
  }

  #settle(key: string): void {
    this.#unanswered.delete(key);
    this.#parts.settled.add(key);
  }
}
