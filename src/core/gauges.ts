import type { AnyModel } from "../model/index.ts";
import { bounds } from "../protocol/index.ts";
import type { Live } from "./live.ts";

const gaugeName = /^[a-z][a-zA-Z0-9]{0,47}$/;

/** What a model says of its state in figures; nothing where the state cannot be read now, or the model fails: no work may end because of a figure. */
export function gaugesOf(model: AnyModel, { fold }: Live, now: number): Readonly<Record<string, number>> {
  if (!model.gauges || fold.fault || fold.behind !== undefined) return {};
  try {
    const all: Record<string, unknown> = fold.state.read((state) => model.gauges!(state, now, fold.state.context));
    const sound = Object.entries(all).filter(
      (gauge): gauge is [string, number] => gaugeName.test(gauge[0]) && Number.isFinite(gauge[1]),
    );
    return Object.fromEntries(sound.slice(0, bounds.modelGaugesMax));
  } catch {
    return {};
  }
}
