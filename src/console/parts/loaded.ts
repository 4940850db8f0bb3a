import { useEffect, useRef, useState } from "react";

/** What is loaded: the last value stays until the next one is there, an error until the next load begins. */
export interface Loaded<T> {
  value: T | undefined;
  error: unknown;
  loading: boolean;
}

/**
 * Loads a value, again where `key` changes. Of several loads the last counts. `pauseMs`: where the key has changed twice within
 * this time, as while a slider moves, it waits so long for another one first.
 */
export function useLoaded<T>(key: string | undefined, load: () => Promise<T>, pauseMs = 0): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({ value: undefined, error: undefined, loading: false });
  const changedAt = useRef(Number.NEGATIVE_INFINITY);
  useEffect(() => {
    if (key === undefined) return undefined;
    let current = true;
    const isSecond = performance.now() - changedAt.current < pauseMs;
    changedAt.current = performance.now();
    setLoaded((before) => ({ ...before, error: undefined, loading: true }));
    const begin = (): void => {
      load().then(
        (value) => current && setLoaded({ value, error: undefined, loading: false }),
        (error: unknown) => current && setLoaded({ value: undefined, error, loading: false }),
      );
    };
    const timer = isSecond ? setTimeout(begin, pauseMs) : undefined;
    if (timer === undefined) begin();
    return () => {
      current = false;
      clearTimeout(timer);
    };
    // A new `load` comes with each rendering; the key says what it loads.
  }, [key, pauseMs]);
  return loaded;
}
