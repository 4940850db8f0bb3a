import type { Message } from "../../../src/client/tabs/messages.ts";
import type { LockEvents, TabsPort } from "../../../src/client/tabs/ports.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";

/** What of a tab locks and channels have to know. */
export interface Holder {
  /** Whether its process has ended. */
  readonly isDead: boolean;
  /** Runs something in it: now, or when it is not frozen any more. */
  run(body: () => void): void;
}

interface Request {
  readonly of: Holder;
  readonly events: LockEvents;
  isReleased: boolean;
}

/** The locks and channels of one browser: what its tabs share under a name. */
export class Browser {
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #delayMsMax: number;
  /** Whether a message arrives, for a planted fault. */
  readonly #hears: (message: Message) => boolean;
  readonly #holders = new Map<string, Request>();
  readonly #waiting = new Map<string, Request[]>();
  readonly #members = new Map<string, Set<{ of: Holder; receive: (message: unknown) => void }>>();
  /** When the last message of one tab to another arrives: they stay in order. */
  readonly #lastAt = new Map<object, number>();

  constructor(schedule: Schedule, random: Random, delayMsMax: number, hears: (message: Message) => boolean) {
    this.#schedule = schedule;
    this.#random = random;
    this.#delayMsMax = delayMsMax;
    this.#hears = hears;
  }

  /** What a tab gets under this name. `hasChannel`: whether its channel works; where that changes, it throws. */
  port(name: string, of: Holder, isVisible: () => boolean, hasChannel: () => boolean): TabsPort {
    return {
      lock: (steal, events) => this.#lock(name, { of, events, isReleased: false }, steal),
      hold: (id, waits) => this.#hold(`${name}:${id}`, of, waits),
      open: (receive) => (hasChannel() ? this.#open(name, of, hasChannel, receive) : undefined),
      visible: isVisible,
    };
  }

  /** A tab has ended: what it holds is free. */
  ended(of: Holder): void {
    for (const [name, waiting] of this.#waiting) {
      this.#waiting.set(
        name,
        waiting.filter((request) => request.of !== of),
      );
      if (this.#holders.get(name)?.of === of) this.#holders.delete(name);
      this.#grant(name);
    }
    for (const members of this.#members.values())
      for (const member of members) if (member.of === of) members.delete(member);
  }

  #later(run: () => void): void {
    this.#schedule.after(this.#random.between(0, this.#delayMsMax), run);
  }

  /** `refused`: the lock is requested only if it is free, and is not. */
  #lock(name: string, request: Request, steal: boolean, refused?: () => void): () => void {
    this.#later(() => {
      if (request.isReleased || request.of.isDead) return;
      if (refused && this.#holders.has(name)) {
        refused();
        return;
      }
      const waiting = this.#waiting.get(name) ?? [];
      this.#waiting.set(name, waiting);
      const before = this.#holders.get(name);
      if (steal) {
        waiting.unshift(request);
        this.#holders.delete(name);
        before?.of.run(() => before.isReleased || before.events.lost());
      } else waiting.push(request);
      this.#grant(name);
    });
    return () => {
      request.isReleased = true;
      this.#later(() => {
        if (this.#holders.get(name) === request) this.#holders.delete(name);
        this.#grant(name);
      });
    };
  }

  #hold(name: string, of: Holder, waits: boolean): Promise<(() => void) | undefined> {
    return new Promise((resolve) => {
      const events = { held: () => resolve(release), lost: () => {} };
      const refused = waits ? undefined : () => of.run(() => resolve(undefined));
      const release = this.#lock(name, { of, events, isReleased: false }, false, refused);
    });
  }

  #grant(name: string): void {
    if (this.#holders.has(name)) return;
    const waiting = this.#waiting.get(name) ?? [];
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      if (next.isReleased) continue;
      const request = next;
      this.#holders.set(name, request);
      this.#later(() => request.of.run(() => request.isReleased || request.events.held()));
      return;
    }
  }

  #open(
    name: string,
    of: Holder,
    works: () => boolean,
    receive: (message: unknown) => void,
  ): ReturnType<TabsPort["open"]> {
    const members = this.#members.get(name) ?? new Set();
    this.#members.set(name, members);
    const own = { of, receive };
    members.add(own);
    return {
      post: (message) => {
        if (of.isDead) return;
        if (!works()) throw new Error("the channel is closed");
        for (const other of members) {
          if (other === own || !this.#hears(message as Message)) continue;
          const copy = structuredClone(message);
          const at = Math.max(
            this.#lastAt.get(other) ?? 0,
            this.#schedule.now + this.#random.between(0, this.#delayMsMax),
          );
          this.#lastAt.set(other, at);
          this.#schedule.after(at - this.#schedule.now, () =>
            other.of.run(() => {
              if (members.has(other)) other.receive(copy);
            }),
          );
        }
      },
      close: () => void members.delete(own),
    };
  }
}
