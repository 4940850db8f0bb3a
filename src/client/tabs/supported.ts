/** Whether the platform has what tabs need to share a connection: Web Locks and BroadcastChannel. */
export function tabsSupported(): boolean {
  return Boolean(globalThis.navigator?.locks) && typeof BroadcastChannel === "function";
}
