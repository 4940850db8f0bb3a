import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { AnyModel } from "../../src/model/index.ts";
import { TestPartition } from "../support/partition.ts";
import { seats } from "../support/seats.ts";

describe("README.md", () => {
  it("[MD-1] shows a model as it is in test/support/seats.ts, and that model works", () => {
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    const source = readFileSync(new URL("../support/seats.ts", import.meta.url), "utf8");
    expect(readme).toContain(source.replace("../../src/model/", "../model/"));

    const room = new TestPartition({ model: seats as AnyModel, name: "seats-monday" });
    const a = room.client("a");
    const book = (draftId: string, seat: string, name: string) => a.submit(draftId, "book", { seat, name });
    expect(book("1", "A1", "Ada").type).toBe("event_accepted");
    expect(book("2", "A1", "Bob").payload.errors).toEqual([
      { field: "payload.seat", code: "TAKEN", message: "This seat is Ada's." },
    ]);
    expect(book("3", "A2", "Bob").type).toBe("event_accepted");
    expect(book("4", "A3", "Cy").payload.reason).toBe("invariant_violated");
    expect(room.state()).toEqual({ taken: { A1: "Ada", A2: "Bob" }, capacity: 2 });
  });
});
