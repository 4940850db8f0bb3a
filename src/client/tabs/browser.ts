import type { broadcastChannel } from "../transport/channel.ts";
import type { TabsPort } from "./ports.ts";

/** The version of `messages.ts`. It is in the name, so that tabs with different versions use different channels and locks. */
const messagesVersion = 2;

/** Web Locks, and channels that `open` opens. See `tabsSupported`. */
export function browserTabs(scope: string, open: typeof broadcastChannel): TabsPort {
  const { locks } = navigator;
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
        // If locks are not allowed, for example in a sandboxed frame, each tab leads itself.
        .catch(() => released || (holds ? lost() : held()));
      return () => {
        released = true;
        waiting.abort();
        release?.();
      };
    },
    hold: (id, waits) =>
      new Promise((resolve) => {
        const held = (lock: unknown) => (lock ? new Promise<void>((release) => resolve(release)) : resolve(undefined));
        // Where locks are not allowed, no tab goes on with what another one has left.
        locks.request(`${name}:${id}`, { ifAvailable: !waits }, held).catch(() => resolve(undefined));
      }),
    open: (receive) => open(name, receive),
    visible: () => typeof document === "undefined" || document.visibilityState === "visible",
  };
}
