// `npm run jobs-line [-- <jobs> <workers> <seed>]`: workers that are killed, cut off and stopped do jobs of all kinds, on the
// production client and partition. Prints what came of it; ends with 1 where something is wrong.
import "../../support/sql-modules.ts";

const [jobs = "10000", workers = "20", seed = "1"] = process.argv.slice(2);
const { simulateJobs } = await import("./simulate.ts");
const { violation, told } = await simulateJobs(Number(seed), {
  jobs: Number(jobs),
  workers: Number(workers),
  chaos: true,
});
console.log(`${workers} workers, seed ${seed}: ${told}. ${violation ?? "Nothing is wrong."}`);
process.exitCode = violation === undefined ? 0 : 1;
