import type { Partition, Usages } from "../core/index.ts";
import { type Gauge, gaugeOfModel } from "../platform/metrics-api.ts";

/** What a report says of the present. `open`: what is open. */
export function presentGauges(partition: Partition, model: string, open: Usages, now: number): readonly Gauge[] {
  let all = open;
  let ofModel: readonly Gauge[] = [];
  try {
    all = { ...partition.usages(now), ...open };
    ofModel = Object.entries(partition.gauges(now)).map(([name, used]) => ({ name: gaugeOfModel(name, model), used }));
  } catch {
    // Each request is answered why the storage cannot be read, and that is logged.
  }
  return [...Object.entries(all).map(([name, { used, max }]) => ({ name, used, max: max ?? undefined })), ...ofModel];
}
