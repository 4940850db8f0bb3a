import type { Problem } from "../../protocol/index.ts";
import type { Ports } from "../transport/ports.ts";
import { backoffMs, stableMs } from "./backoff.ts";
import { isOther } from "./identity.ts";
import type { EngineOptions, Token } from "./options.ts";
import type { Held, StatusMachine, StatusReason, StatusReport } from "./status.ts";

/** Details of the end of a connection. */
interface LossDetails {
  /** How long the server asks to wait. */
  hintMs?: number;
  problem?: Problem | undefined;
  waiting?: StatusReport["waiting"];
}

/** The longest timeouts while a client connects and catches up, as a multiple: 256 KiB may then take 100 s, as on a line of 21 kbit/s. */
const patienceMax = 8;

/** Who connects, and how long an attempt may take. */
type DialerOptions = Pick<EngineOptions, "token" | "identity" | "timing">;

/** What the dialer decides, and its owner does. */
export interface DialerEvents {
  connect(token: string | undefined): void;
  disconnect(): void;
  /** Finds out whether the connection still works. */
  probe(): void;
}

/** The shortest delay while the browser reports that there is no network: it may be wrong, so attempts go on, but seldom. */
const unreachableDelayMsMin = 15_000;

/** Decides when to connect: at once, after a delay, or not at all. */
export class Dialer {
  readonly #ports: Ports;
  readonly #status: StatusMachine;
  readonly #options: DialerOptions;
  readonly #events: DialerEvents;
  readonly #unwatch: () => void;
  /** Counts attempts, so that a token that comes too late is not used. */
  #attempt = 0;
  #failures = 0;
  /** A multiple for the timeouts: one message may take longer than they allow, and shows nothing of itself until it is complete. */
  patience = 1;
  #paused = false;
  #reachable = true;
  #cancelRetry = () => {};
  #cancelStable = () => {};

  constructor(ports: Ports, status: StatusMachine, options: DialerOptions, events: DialerEvents) {
    this.#ports = ports;
    this.#status = status;
    this.#options = options;
    this.#events = events;
    this.#unwatch = ports.watch({
      online: () => this.#reach(true),
      offline: () => this.#reach(false),
      visible: () => this.wake(),
    });
  }

  /** Connects at once, unless there is a connection already or something forbids it. */
  dial(): void {
    if (this.#paused || !this.#status.apply("dial", "ok")) return;
    this.#cancelRetry();
    const attempt = ++this.#attempt;
    if (this.#options.token) void this.#dialAs(this.#options.token, attempt);
    else this.#events.connect(undefined);
  }

  /** Something suggests that time has passed, or that the network has changed. */
  wake(): void {
    this.#events.probe();
    this.dial();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.lose("paused");
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#failures = 0;
    this.dial();
  }

  /** The connection works. If it holds for a while, the next delay is short again. */
  connected(): void {
    this.#cancelStable();
    this.#cancelStable = this.#ports.after(stableMs, () => {
      this.#failures = 0;
      this.patience = 1;
    });
  }

  /** A connection that was opened has been silent for too long: the next one may be silent for longer. */
  extend(): void {
    this.patience = Math.min(2 * this.patience, patienceMax);
  }

  /** The connection is lost, or is given up. The next attempt follows automatically unless something forbids it. */
  lose(reason: StatusReason, { hintMs = 0, problem, waiting }: LossDetails = {}): void {
    this.#disconnect();
    this.#status.apply("lost");
    if (this.#status.status !== "offline") return;
    if (this.#paused) {
      this.#status.report("paused");
      return;
    }
    const delayMsMin = this.#reachable ? hintMs : Math.max(hintMs, unreachableDelayMsMin);
    const delay = backoffMs(this.#failures++, this.#ports.random(), delayMsMin);
    this.#cancelRetry = this.#ports.after(delay, () => this.dial());
    const retryAt = this.#ports.now() + delay;
    const held: Held = { code: "draining", detail: "The server is being updated.", ...problem, until: retryAt };
    this.#status.report(this.#reachable ? reason : "network_offline", problem, {
      retryAt,
      waiting,
      ...(hintMs > 0 && { held }),
    });
  }

  /** Ends the connection, and connects again at once. */
  redial(reason: StatusReason): void {
    this.#disconnect();
    if (this.#status.apply("lost", reason)) this.dial();
  }

  /** Ends the connection for good. */
  end(reason: StatusReason, problem?: Problem): void {
    this.#disconnect();
    this.#unwatch();
    this.#status.apply("close", reason, problem);
  }

  async #dialAs(token: Token, attempt: number): Promise<void> {
    let fresh: string | undefined;
    let code: typeof import("./tokens.ts") | undefined;
    // The time for the token is part of the attempt: it may never come.
    this.#cancelRetry = this.#ports.after(this.#options.timing.connectMs, () => this.lose("connection_lost"));
    try {
      fresh = await token();
      // Without it the answer to `connect` shows whose token it is.
      code = await import("./tokens.ts");
    } catch {
      // Without a token it is as if the server could not be reached: the next attempt asks again.
    }
    if (attempt !== this.#attempt || this.#status.status !== "connecting") return;
    this.#cancelRetry();
    if (!fresh) this.lose("connection_lost");
    else if (isOther(this.#options.identity, code?.identityOf(fresh))) this.end("other_principal");
    else this.#events.connect(fresh);
  }

  #reach(reachable: boolean): void {
    this.#reachable = reachable;
    this.#failures = 0;
    if (!reachable && this.#status.status === "offline") this.lose("network_offline");
    // It is only a hint: what works is kept.
    else this.wake();
  }

  #disconnect(): void {
    this.#cancelRetry();
    this.#cancelStable();
    this.#events.disconnect();
  }
}
