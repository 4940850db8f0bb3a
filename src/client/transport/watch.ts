import type { Reachability } from "./ports.ts";

/** How often the clock is looked at, and how far it moves between two looks only while the machine sleeps, or the page is frozen. */
const tickMs = 1_000;
const sleptMsMin = 4_000;

/** Watches the network, the page and the clock; returns a function that stops it. */
export function watch({ online, offline, visible }: Reachability): () => void {
  const page = globalThis.document;
  const changed = () => {
    // A hidden page shows nothing, and its timers are slow.
    if (!page?.hidden) visible();
  };
  let at = Date.now();
  const timer = setInterval(() => {
    const late = Date.now() - at > sleptMsMin;
    at = Date.now();
    if (late) changed();
  }, tickMs);
  // In Node it would keep the program alive.
  (timer as { unref?(): void }).unref?.();
  const over = new AbortController();
  const { signal } = over;
  if (page) {
    addEventListener("online", online, { signal });
    addEventListener("offline", offline, { signal });
    // From the browser's cache of pages.
    addEventListener("pageshow", changed, { signal });
    page.addEventListener("visibilitychange", changed, { signal });
  }
  return () => {
    clearInterval(timer);
    over.abort();
  };
}
