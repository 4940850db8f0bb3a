import { loggedEvent } from "../../../src/core/fold.ts";
import { type AnyModel, foldEvent } from "../../../src/model/index.ts";
import { WeighedState } from "../../../src/model/weighed-state.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import type { EventRow } from "../../../src/storage/port.ts";
import { type Bench, figure, type Row } from "../bench.ts";
import { quantile, spread } from "../stats.ts";

/** How many different events there are: they are folded again and again. */
const different = 1_000;

/** How fast the core folds a log of small events that it has in memory: parsed, upcast, reduced, weighed. */
export async function replay(bench: Bench): Promise<Row[]> {
  const rows = Array.from({ length: different }, (_, at) => rowOf(at + 1));
  const authors = { of: () => undefined };
  const count = bench.events(1_000_000);
  const [rates] = await bench.alternate([
    async () => {
      const state = new WeighedState<object>({});
      const from = performance.now();
      for (let at = 0; at < count; at++) {
        foldEvent(insieme as AnyModel, state, loggedEvent(rows[at % different]!, authors));
      }
      return (count / (performance.now() - from)) * 1_000;
    },
  ]);
  return [
    {
      what: "Small events that the core folds in a second",
      partita: `${figure(quantile(rates!, 0.5))}/s`,
      floor: "–",
      value: spread(rates!.map((rate) => rate / 1_000)),
      unit: "k/s",
      bound: { atLeast: 500 },
      note: "`set` of a number under one of 100 keys; what reading them from SQLite takes is not in it",
    },
  ];
}

function rowOf(eventId: number): EventRow {
  const payload = `{"target":"n${eventId % 100}","value":${eventId}}`;
  return {
    eventId,
    principal: "dev:a",
    draftId: `d${eventId}`,
    clientId: "a",
    type: "set",
    version: undefined,
    expectedEventId: undefined,
    timestamp: 1_700_000_000_000,
    payload,
    payloadBytes: payload.length,
    batchEnd: undefined,
    fingerprint: undefined,
    incarnation: undefined,
    correlationId: undefined,
    hops: undefined,
    annotations: undefined,
    submitter: undefined,
  };
}
