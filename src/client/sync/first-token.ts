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
  let going = true;
  void stopped.then(() => (going = false));
  const within = async (ms: number, attempt: Promise<string>): Promise<string | undefined> => {
    let cancel = () => {};
    const late = new Promise<undefined>((resolve) => (cancel = ports.after(ms, () => resolve(undefined))));
    return Promise.race([attempt.catch(() => undefined), late, stopped]).finally(cancel);
  };
  for (let failures = 0; going; failures++) {
    const fresh = await within(connectMs, Promise.resolve().then(token));
    if (fresh !== undefined) return fresh;
    const delay = backoffMs(failures, ports.random());
    if (going) failed(ports.now() + delay);
    await within(delay, new Promise(() => {}));
  }
  return undefined;
}
