/**
 * What an inventory causes besides its events: the timers that end its holds. For the server only.
 *
 * @module partita/models/inventory/effects
 */
import { type CancelEffect, defineEffects } from "../../model/effects.ts";
import { inventory } from "./index.ts";

const keyOf = (hold: string): string => `hold:${hold}`;
const cancel = (_: unknown, { payload }: { payload: { hold: string } }): CancelEffect => ({
  kind: "cancel",
  key: keyOf(payload.hold),
});

/** A hold sets a timer that ends it, unless it is confirmed, released or settled before. Register it in `createAuthority`. */
export const inventoryEffects = defineEffects(inventory, {
  reserve(state, { payload: { hold } }) {
    const { expiresAt } = state.holds[hold]!;
    return { kind: "schedule", key: keyOf(hold), type: "expire", payload: { hold, expiresAt }, at: expiresAt };
  },
  confirm: cancel,
  release: cancel,
  settle: cancel,
});
