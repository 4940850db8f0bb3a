import { Text } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import { replayByClients } from "../../support/merging-replay.ts";
import { mappedOver, readTrace, replayTrace, tracesPresent } from "../../support/text-traces.ts";

/** Transactions; `npm run text-traces` replays all of them. */
const some = 800;

describe.runIf(tracesPresent)("what two people have really typed at the same time, by two clients", () => {
  it("[CL-1] [MD-9] [TX-7] ends with one text at the server, both clients and a client that comes later", async () => {
    const txns = readTrace("friendsforever").txns.slice(0, some);
    let text = Text.empty;
    replayTrace({ txns }, ({ changes, unknown, agent }) => {
      const mapped = mappedOver(changes, unknown, agent);
      text = mapped.apply(text);
      return mapped;
    });
    const { texts, transformed } = await replayByClients({ txns });
    expect(texts).toEqual(texts.map(() => text.toString()));
    expect(transformed).toBeGreaterThan(0);
  });
});
