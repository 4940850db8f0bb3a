import { type IdentitySettings, keySettings, keysTagOf } from "./settings.ts";

/**
 * Returns a function that returns the tag of what `settings` are at its call: a changed secret need not restart what
 * runs. It is called with each frame, so it compares the values, and hashes only changed ones.
 */
export function keysTagReader(settings: IdentitySettings): () => string {
  let known: IdentitySettings = {};
  let tag: string | undefined;
  return () => {
    if (tag === undefined || keySettings.some((name) => known[name] !== settings[name])) {
      known = { ...settings };
      tag = keysTagOf(known);
    }
    return tag;
  };
}
