import type { Ports } from "../transport/ports.ts";
import type { Identity } from "./identity.ts";
import type { Token } from "./options.ts";
import { identityOf } from "./token-identity.ts";

// It must not import modules of the main bundle: bundlers would move those into a third file.
/** Returns a source of tokens that begins with `first`, if that is used within `ms`. */
function beginningWith(first: string, token: Token, ports: Ports, ms: number): Token {
  const goodUntil = ports.now() + ms;
  let next: string | undefined = first;
  return () => {
    const given = ports.now() > goodUntil ? undefined : next;
    next = undefined;
    return given ?? token();
  };
}

/**
 * Asks for a token until one comes, with the delays of connections; each attempt may take `connectMs`. `failed` is called
 * with the time of the next attempt, in milliseconds since 1970. Returns whose it is, and a source of tokens that begins with
 * it. Undefined: `stopped` has resolved first.
 */
export async function firstToken(
  token: Token,
  ports: Ports,
  connectMs: number,
  stopped: Promise<undefined>,
  failed: (retryAt: number) => void,
  backoffMs: (failures: number, random: number) => number,
  within: typeof import("../transport/within.ts").within,
): Promise<{ identity: Identity | undefined; source: Token } | undefined> {
  const ended = stopped.then(() => false as const);
  /** Asks again at once. */
  let hasten: (() => void) | undefined;
  const woken = () => hasten?.();
  const unwatch = ports.watch({ online: woken, offline: () => {}, visible: woken });
  for (let failures = 0; ; failures++) {
    let fresh = await within(ports, connectMs, Promise.race([Promise.resolve().then(token), ended]));
    // A function without types can also give null.
    if (!fresh && fresh !== false) {
      const delay = backoffMs(failures, ports.random());
      failed(ports.now() + delay);
      const hastened = new Promise<undefined>((resolve) => (hasten = () => resolve(undefined)));
      fresh = await within(ports, delay, Promise.race([hastened, ended]));
      if (fresh !== false) continue;
    }
    unwatch();
    if (!fresh) return undefined;
    return { identity: identityOf(fresh), source: beginningWith(fresh, token, ports, connectMs) };
  }
}
