/** After this many windows of one user in a row, a tenth of a second under load, it has the isolate to itself. */
const windowsAloneMin = 16;

/**
 * Who uses an isolate. All partitions in one share its thread: a long window keeps the others waiting, and nobody where
 * there are none.
 */
export class IsolateUse {
  #user: unknown;
  #windows = 0;

  /** `user` begins to run. */
  note(user: unknown): void {
    if (user === this.#user) return;
    this.#user = user;
    this.#windows = 0;
  }

  /** `user`, which was noted, begins a window. Returns whether nobody else has run during many before it. */
  beginWindow(): boolean {
    return ++this.#windows > windowsAloneMin;
  }
}

/** Of the isolate that this code runs in. */
export const isolateUse = new IsolateUse();
