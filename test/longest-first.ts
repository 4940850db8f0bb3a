import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * The files that take longest, in the order in which they begin: first those that wait most of their time, beside which
 * others compute. Otherwise one of them would run alone at the end.
 */
const longest = [
  "process/client-jobs",
  "process/keys",
  "process/stranger",
  "simulation/clients",
  "simulation/simulation",
  "simulation/mutants",
  "process/package",
  "process/start",
  "browser/demo",
  "browser/pages",
  "process/memory",
  "process/courier",
  "browser/networks",
  "process/unread",
  "browser/models",
];

/** Begins with the files that take longest. The others follow in the usual order. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return at === -1 ? longest.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}
