// `npm run client-cost`: what a change, a start and a bundle cost the client. Prints the tables of docs/BENCHMARKS.md.
import { measureBundles } from "./client-cost/bundles.ts";
import { measureChanges, measureSelections } from "./client-cost/changes.ts";
import { measureStart } from "./client-cost/start.ts";
import { asMarkdown, type Table } from "./client-cost/table.ts";
import { measureDraft, measureWritten } from "./client-cost/written.ts";
import { machine } from "./machine.ts";

const print = (table: Table) => console.log(asMarkdown(table));

const date = new Date().toISOString().slice(0, 10);
console.log(`Written by \`npm run client-cost\` on ${date}: ${machine()}. Times are the least of several runs.\n`);
print(measureChanges());
print(measureSelections());
print(await measureStart());
print(await measureWritten());
print(await measureDraft());
for (const table of await measureBundles()) print(table);
// Timers of the last clients.
process.exit();
