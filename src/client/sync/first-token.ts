import type { Ports } from "../transport/ports.ts";
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
  let cancel: (() => void) | undefined;
  /** Asks again at once. */
  let hasten: (() => void) | undefined;
  const after = (ms: number) =>
    new Promise<undefined>((resolve) => {
      const over = () => resolve(undefined);
      cancel = ports.after(ms, over);
      hasten = over;
    });
  const ended = stopped.then(() => false as const);
  const woken = () => hasten?.();
  const unwatch = ports.watch({ online: woken, offline: () => {}, visible: woken });
  for (let failures = 0; ; failures++) {
    const asked = Promise.resolve()
      .then(token)
      .catch(() => undefined);
    let fresh = await Promise.race([asked, after(connectMs), ended]);
    cancel?.();
    // A function without types can also give null.
    if (!fresh && fresh !== false) {
      const delay = backoffMs(failures, ports.random());
      failed(ports.now() + delay);
      fresh = await Promise.race([after(delay), ended]);
      cancel?.();
      if (fresh !== false) continue;
    }
    unwatch();
    return fresh || undefined;
  }
}
