// The convergence of texts, at length: `npm run typing -- --runs 10000`. A failure prints its seed and path, which repeat it.
import "../support/sql-modules.ts";
import { parseArgs } from "node:util";
import * as fc from "fast-check";

// After the SQL can be loaded.
const { judgeTyping, typing } = await import("../support/merging-judge.ts");
const { values } = parseArgs({ options: { runs: { type: "string", default: "10000" }, seed: { type: "string" } } });
const numRuns = Number(values.runs);
await fc.assert(fc.asyncProperty(typing, judgeTyping), { numRuns, ...(values.seed && { seed: Number(values.seed) }) });
console.log(`${numRuns} runs: all had the same text in the end.`);
