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
  const after = (ms: number) =>
    new Promise<undefined>((resolve) => (cancel = ports.after(ms, () => resolve(undefined))));
  const ended = stopped.then(() => false as const);
  for (let failures = 0; ; failures++) {
    const asked = Promise.resolve()
      .then(token)
      .catch(() => undefined);
    const fresh = await Promise.race([asked, after(connectMs), ended]);
    cancel?.();
    // A function without types can also give null.
    if (fresh) return fresh;
    if (fresh === false) return undefined;
    const delay = backoffMs(failures, ports.random());
    failed(ports.now() + delay);
    const over = await Promise.race([after(delay), ended]);
    cancel?.();
    if (over === false) return undefined;
  }
}
