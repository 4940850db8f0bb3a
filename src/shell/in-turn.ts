import type { Turns } from "../core/index.ts";

/**
 * Does a piece of work in a turn of its own, after what waits already: between two of them others have theirs. Resolves
 * with what it returns.
 */
export function inTurn<T>(turns: Turns, piece: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    turns.later(() => {
      try {
        resolve(piece());
      } catch (error) {
        reject(error);
      }
    });
  });
}
