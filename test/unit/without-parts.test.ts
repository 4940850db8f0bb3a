import { expect, it } from "vitest";
import { allParts } from "../../src/shell/all-parts.ts";
import { TestShell } from "../support/shell.ts";

it("[EC-5] [TX-12] effects that come to a Worker without their part are to be sent again later", async () => {
  const { receiveEffects: _, ...parts } = allParts;
  const room = new TestShell({ parts });
  expect(await room.shell.deliver("other", [], "f".repeat(32))).toEqual([{ kind: "later", code: "not_configured" }]);
});
