/** The longest delay of `setTimeout`, 24.8 days: after a longer one it would run at once. */
const timerMsMax = 2 ** 31 - 1;

/** Calls `run` once, after `delayMs` milliseconds, however many. Returns a function that cancels it. */
export function startTimer(run: () => void, delayMs: number): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const wait = (leftMs: number) => {
    timer = setTimeout(() => (leftMs > timerMsMax ? wait(leftMs - timerMsMax) : run()), Math.min(leftMs, timerMsMax));
  };
  wait(delayMs);
  return () => clearTimeout(timer);
}
