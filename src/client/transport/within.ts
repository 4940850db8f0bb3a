import type { Ports } from "./ports.ts";

/** The result of `promise`; undefined if it rejects, or takes longer than `ms`. */
export function within<T>(ports: Pick<Ports, "after">, ms: number, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const none = () => resolve(undefined);
    const cancel = ports.after(ms, none);
    void promise.then(resolve, none).then(cancel);
  });
}
