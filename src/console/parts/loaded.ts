import { useEffect, useState } from "react";

/** What is loaded: the last value stays until the next one is there, an error until the next load begins. */
export interface Loaded<T> {
  value: T | undefined;
  error: unknown;
  loading: boolean;
}

/**
 * Loads a value, again where `key` changes. Of several loads the last counts. `pauseMs`: it waits so long for
 * another key first, as while a slider moves.
 */
export function useLoaded<T>(key: string | undefined, load: () => Promise<T>, pauseMs = 0): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({ value: undefined, error: undefined, loading: false });
  useEffect(() => {
    if (key === undefined) return undefined;
    let current = true;
    setLoaded((before) => ({ ...before, error: undefined, loading: true }));
    const begin = (): void => {
      load().then(
        (value) => current && setLoaded({ value, error: undefined, loading: false }),
        (error: unknown) => current && setLoaded({ value: undefined, error, loading: false }),
      );
    };
    const timer = pauseMs > 0 ? setTimeout(begin, pauseMs) : undefined;
    if (timer === undefined) begin();
    return () => {
      current = false;
      clearTimeout(timer);
    };
    // A new `load` comes with each rendering; the key says what it loads.
  }, [key, pauseMs]);
  return loaded;
}
