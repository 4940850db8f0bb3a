/** Calls listeners. An error of a listener is reported as uncaught, and the other listeners are still called. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  on<Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners);
    // A new function for each call, so that a listener can be added twice.
    const own = (event: Events[Type]) => listener(event);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  emit<Type extends keyof Events>(type: Type, event: Events[Type]): void {
    for (const listener of Array.from(this.#listeners.get(type) ?? [])) {
      try {
        (listener as (event: Events[Type]) => void)(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
