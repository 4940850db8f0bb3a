import fc from "fast-check";
import { expect, it } from "vitest";
import { asciiJson } from "../../src/platform/ascii.ts";

it("[AU-12] what the edge tells an object by a header is ASCII, and the same JSON", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), (permissions) => {
      const text = asciiJson({ permissions });
      expect(text).toMatch(/^[ -~]*$/);
      expect(JSON.parse(text)).toEqual({ permissions });
    }),
  );
});
