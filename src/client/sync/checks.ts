import type { Link } from "../transport/link.ts";
import type { EngineHost } from "./backend.ts";
import type { Delivery } from "./delivery.ts";
import type { MessageOf } from "./messages.ts";

/** What the checks of a connection need. */
export interface CheckParts {
  link: Link;
  delivery: Delivery;
  host: EngineHost;
  /** How long an answer may take. */
  answerMs: number;
  /** The states differ. */
  diverged(): void;
}

// It must not import modules of the main bundle: bundlers would move those into a third file.
/** Compares the confirmed state with the server's, on one connection. */
export class Checks {
  readonly #parts: CheckParts;
  /** Resolve the promises of `begin`, by the id of the request. */
  readonly #open = new Map<string, (same: boolean | undefined) => void>();

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  /** Undefined: there was no answer, or events were missing here. */
  begin(): Promise<boolean | undefined> {
    const { link, answerMs } = this.#parts;
    const id = link.send("hash", {});
    link.expect(id, answerMs);
    return new Promise((resolve) => this.#open.set(id, resolve));
  }

  /** Returns whether this was one of its requests, which the server has refused. */
  refused(id: string | undefined): boolean {
    const resolve = this.#answered(id);
    resolve?.(undefined);
    return resolve !== undefined;
  }

  async take({ payload, inReplyTo }: MessageOf<"hash">): Promise<void> {
    const resolve = this.#answered(inReplyTo);
    if (!resolve) return;
    const { delivery, host, diverged } = this.#parts;
    delivery.deliver();
    // Events are missing here: the state is not the one that the server has hashed.
    if (payload.eventIndex !== delivery.inbox.cursor) {
      resolve(undefined);
      return;
    }
    // Pages that are not secure cannot hash.
    const own = await host.hash().catch(() => undefined);
    const same = own === undefined ? own : own === payload.sha256;
    if (same === false) diverged();
    resolve(same);
  }

  /** The connection has ended. */
  end(): void {
    for (const resolve of this.#open.values()) resolve(undefined);
    this.#open.clear();
  }

  #answered(id = ""): ((same: boolean | undefined) => void) | undefined {
    const resolve = this.#open.get(id);
    if (resolve) this.#parts.link.met(id);
    this.#open.delete(id);
    return resolve;
  }
}
