import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sagaBounds } from "../../model/sagas/index.ts";
import { bounds } from "../../protocol/index.ts";
import { projectFolder } from "../wrangler.ts";

/** Objects of bounds, by the files that have nothing else. */
const objects: ReadonlyMap<string, readonly [name: string, values: Readonly<Record<string, number>>]> = new Map([
  [join(projectFolder, "src/protocol/bounds.ts"), ["bounds", bounds]],
  [join(projectFolder, "src/model/sagas/bounds.ts"), ["sagaBounds", sagaBounds]],
]);
/** In the package, the values are in a file beside. */
const valuesName = "./bound-values.ts";
const valuesOf = (file: string): string => join(file, "..", valuesName);

/**
 * Makes each bound a constant of its module, so that a minifier puts its number where it is used. In the sources they are
 * properties of objects, because simulations lower them; so the names of all would be in each bundle.
 */
export const boundConstants = {
  name: "bounds",
  resolveId: (id: string, importer: string | undefined) =>
    id === valuesName && importer !== undefined ? valuesOf(importer) : undefined,
  load(id: string) {
    for (const [file, [name, values]] of objects) {
      if (id === file) return `export * as ${name} from "${valuesName}";`;
      if (id === valuesOf(file)) return constants(readFileSync(file, "utf8"), values);
    }
    return undefined;
  },
};

/** The bounds, with the comments of their file. */
function constants(text: string, values: Readonly<Record<string, number>>): string {
  const commented = text.matchAll(/((?: {2}\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?) {2}(\w+): .*,\n/g);
  const comments = new Map([...commented].map(([, comment, name]) => [name!, comment!]));
  return Object.entries(values)
    .map(([name, value]) => `${comments.get(name) ?? ""}export const ${name} = ${value};\n`)
    .join("");
}
