import { join } from "node:path";
import { expect, it } from "vitest";
import { sagaBounds } from "../../src/model/sagas/index.ts";
import { bounds } from "../../src/protocol/index.ts";
import { boundConstants } from "../../src/tools/package/bounds.ts";
import { projectFolder } from "../../src/tools/wrangler.ts";

it.each([
  ["src/protocol/bounds.ts", "bounds", bounds],
  ["src/model/sagas/bounds.ts", "sagaBounds", sagaBounds],
] as const)("[EC-1] [BD-7] in the package each bound of %s is a constant, with its comment", (path, name, values) => {
  const file = join(projectFolder, path);
  expect(boundConstants.load(file)).toBe(`export * as ${name} from "./bound-values.ts";`);
  const text = boundConstants.load(boundConstants.resolveId("./bound-values.ts", file)!)!;
  const found = [...text.matchAll(/^export const (\w+) = ([\d.]+);$/gm)].map(([, key, value]) => [key, Number(value)]);
  expect(Object.fromEntries(found)).toEqual(values);
  expect(text).toMatch(
    name === "bounds" ? / in memory: [^\n]*\*\/\nexport const stateBytesMax / : /\*\/\nexport const stepsMax /,
  );
});
