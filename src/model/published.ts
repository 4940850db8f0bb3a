import type { Container } from "./journal.ts";
import type { StateFollower, StateWatcher } from "./watcher.ts";

/**
 * The state as the application receives it: plain objects and arrays that never change. What has not changed since
 * the last time is the same object again. A container is copied once each time that it, or something in it, has
 * changed.
 *
 * Parents are known as of the last publication. That is enough: when a container moves to a new parent, that parent
 * is marked as changed, and copied itself.
 */
export class Published implements StateWatcher {
  readonly #copies = new WeakMap<Container, Container>();
  /** What each container was in when it was published last. */
  readonly parents = new WeakMap<object, Container>();
  /** Follows the changes, too. */
  follower: StateFollower | undefined;

  property(container: Record<string, unknown>, key: string, old: unknown, value: unknown): void {
    this.#outdated(container);
    this.follower?.property(container, key, old, value);
  }

  splice(array: unknown[], at: number, removed: readonly unknown[], inserted: readonly unknown[]): void {
    this.#outdated(array);
    this.follower?.splice(array, at, removed, inserted);
  }

  #outdated(container: Container): void {
    // A container without a copy has no ancestor with one: copies are deleted up to the root, and made with all below.
    for (let at: Container | undefined = container; at && this.#copies.delete(at);) at = this.parents.get(at);
  }

  /** Returns `container` as it is now. */
  publish(container: Container): Container {
    return this.#copyOf(container);
  }

  #copyOf(container: Container): Container {
    const known = this.#copies.get(container);
    if (known) return known;
    const copy = Array.isArray(container)
      ? container.map((value) => this.#valueOf(value, container))
      : this.#copyObject(container);
    this.#copies.set(container, copy);
    return copy;
  }

  #copyObject(container: Record<string, unknown>): Record<string, unknown> {
    const copy: Record<string, unknown> = {};
    // Measured with 10,000 keys: 1.6 ms, where a spread takes 2.6 ms.
    for (const key in container) copy[key] = this.#valueOf(container[key], container);
    return copy;
  }

  #valueOf(value: unknown, parent: Container): unknown {
    if (typeof value !== "object" || value === null) return value;
    this.parents.set(value as Container, parent);
    return this.#copyOf(value as Container);
  }
}
