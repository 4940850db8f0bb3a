import type { Ports } from "../transport/ports.ts";
import { within } from "../transport/within.ts";
import { backoffMs } from "./backoff.ts";
import type { Token } from "./options.ts";

/**
 * Asks for a token until one comes, with the delays of connections; each attempt may take `connectMs`. `failed` is called
 * with the time of the next attempt, in milliseconds since 1970. Undefined: `stopped` has resolved first.
 */
export async function firstToken(
  token: Token,
  ports: Ports,
  connectMs: number,
  stopped: Promise<undefined>,
  failed: (retryAt: number) => void,
): Promise<string | undefined> {
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
    return fresh || undefined;
  }
}
