/** A BroadcastChannel: to all programs and tabs of the origin that have opened one with this name. Undefined where there is none, or the browser does not allow it. */
export function broadcastChannel(
  name: string,
  receive: (message: unknown) => void,
): { post(message: unknown): void; close(): void } | undefined {
  let channel: BroadcastChannel;
  try {
    channel = new BroadcastChannel(name);
  } catch {
    return undefined;
  }
  // In Node it would keep the program alive.
  (channel as { unref?(): void }).unref?.();
  channel.addEventListener("message", ({ data }) => receive(data));
  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has no origin
    post: (message) => channel.postMessage(message),
    close: () => channel.close(),
  };
}
