import { Text } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import { replayOverCore } from "../support/text-replay.ts";
import { mappedOver, readTrace, replayTrace, type Trace, tracesPresent } from "../support/text-traces.ts";

/** Transactions of each trace; `npm run text-traces` replays all of them. */
const some = 2_500;

/** The text that bare change sets make of a trace. */
function bare(trace: Pick<Trace, "txns">): string {
  let text = Text.empty;
  replayTrace(trace, ({ changes, unknown, agent }) => {
    const mapped = mappedOver(changes, unknown, agent);
    text = mapped.apply(text);
    return mapped;
  });
  return text.toString();
}

describe.runIf(tracesPresent)("what people have really typed", () => {
  it("[MD-9] [TX-7] ends with the text of its two authors, by bare change sets", () => {
    const trace = readTrace("friendsforever");
    expect(bare(trace)).toBe(trace.endContent);
  });

  it.each(["friendsforever", "sveltecomponent"] as const)(
    "[MD-9] [TX-7] of %s has at the server and at a subscriber the text of bare change sets, commit by commit",
    (name) => {
      const txns = readTrace(name).txns.slice(0, some);
      const replayed = replayOverCore({ txns });
      expect(replayed.different).toBe(0);
      expect(replayed.text).toBe(bare({ txns }));
      expect(replayed.subscriber).toBe(replayed.text);
      expect(replayed.transformed > 0).toBe(name === "friendsforever");
    },
  );
});
