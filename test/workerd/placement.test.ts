import { expect, it } from "vitest";
import { type Placement, type PlacementOf, stubOf } from "../../src/platform/placement.ts";

type Namespace = Parameters<typeof stubOf>[0];

/** A namespace that records its calls; each jurisdiction has its own. */
function namespace(jurisdiction?: string) {
  return {
    jurisdiction: (name: string) => namespace(name),
    getByName: (name: string, options?: object) => ({ jurisdiction, name, options }),
  } as unknown as Namespace;
}

it.each<[Placement, object]>([
  [{}, { jurisdiction: undefined, options: undefined }],
  [{ jurisdiction: "eu" }, { jurisdiction: "eu", options: undefined }],
  [{ locationHint: "weur" }, { jurisdiction: undefined, options: { locationHint: "weur" } }],
  [
    { jurisdiction: "fedramp", locationHint: "enam" },
    { jurisdiction: "fedramp", options: { locationHint: "enam" } },
  ],
])("[AU-9] an object is asked for where its tenant's live: %j", (placement, expected) => {
  const placementOf: PlacementOf = (tenant) => (tenant === "acme" ? placement : { jurisdiction: "eu" });
  expect(stubOf(namespace(), "acme/room", placementOf("acme"))).toEqual({ name: "acme/room", ...expected });
  // The placement of one tenant does not affect another.
  expect(stubOf(namespace(), "other/room", placementOf("other"))).toMatchObject({ jurisdiction: "eu" });
});
