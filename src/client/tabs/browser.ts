import type { TabsPort } from "./ports.ts";

/** Counts changes of `messages.ts`. It is in the name, so that tabs with another one neither hear each other nor wait for each other's lock. */
const messagesVersion = 1;

/** Web Locks and BroadcastChannel. Undefined where the platform has not both of them. */
export function browserTabs(scope: string): TabsPort | undefined {
  const locks = globalThis.navigator?.locks;
  if (!locks || typeof BroadcastChannel !== "function") return undefined;
  const name = `partita:${messagesVersion}:${scope}`;
  return {
    lock(steal, { held, lost }) {
      const waiting = new AbortController();
      let release: (() => void) | undefined;
      let holds = false;
      let released = false;
      locks
        .request(name, steal ? { steal } : { signal: waiting.signal }, () => {
          if (released) return undefined;
          holds = true;
          held();
          return new Promise<void>((resolve) => (release = resolve));
        })
        // Where locks are refused, as in a sandboxed frame, no tab gets one: then each leads itself.
        .catch(() => released || (holds ? lost() : held()));
      return () => {
        released = true;
        waiting.abort();
        release?.();
      };
    },
    open(receive) {
      const channel = new BroadcastChannel(name);
      channel.addEventListener("message", ({ data }) => receive(data));
      return {
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
        post: (message) => channel.postMessage(message),
        close: () => channel.close(),
      };
    },
    visible: () => typeof document === "undefined" || document.visibilityState === "visible",
  };
}
