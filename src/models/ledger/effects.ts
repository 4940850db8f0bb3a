/**
 * What a ledger causes besides its events: the timers that end its holds. For the server only.
 *
 * @module partita/models/ledger/effects
 */
import { type CancelEffect, defineEffects } from "../../model/effects.ts";
import { ledger } from "./model.ts";

const keyOf = (hold: string): string => `hold:${hold}`;
const cancel = (_: unknown, { payload }: { payload: { hold: string } }): CancelEffect => ({
  kind: "cancel",
  key: keyOf(payload.hold),
});

/** A hold sets a timer that ends it, unless it is captured or released before. Register it in `createAuthority`. */
export const ledgerEffects = defineEffects(ledger, {
  hold(state, { payload: { hold } }) {
    const { expiresAt } = state.holds[hold]!;
    return { kind: "schedule", key: keyOf(hold), type: "expire", payload: { hold, expiresAt }, at: expiresAt };
  },
  capture: cancel,
  release: cancel,
});
