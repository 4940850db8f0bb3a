import { expect, it } from "vitest";
import { type Placement, type PlacementOf, stubOf } from "../../src/platform/placement.ts";

type Namespace = Parameters<typeof stubOf>[0];

/** A namespace that says what it was asked for; each jurisdiction's is another one. */
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
  // Another tenant's are elsewhere, whatever this one's say.
  expect(stubOf(namespace(), "other/room", placementOf("other"))).toMatchObject({ jurisdiction: "eu" });
});
