// `npm run jobs-line [-- <jobs> <workers> <seed>]`: workers that are killed, cut off and stopped do jobs of all kinds, on the
// production client and partition; and then as many, while urgent ones come faster than they are done. Prints what came of
// it; ends with 1 where something is wrong.
import "../../support/sql-modules.ts";

const [jobs = "10000", workers = "20", seed = "1"] = process.argv.slice(2);
const { simulateJobs } = await import("./simulate.ts");
const runs = {
  "killed, cut off and stopped": { chaos: true },
  "with a stream of urgent jobs": { chaos: false, stream: true },
};
for (const [what, more] of Object.entries(runs)) {
  const { violation, told } = await simulateJobs(Number(seed), {
    jobs: Number(jobs),
    workers: Number(workers),
    ...more,
  });
  console.log(`${workers} workers, ${what}, seed ${seed}: ${told}. ${violation ?? "Nothing is wrong."}`);
  if (violation !== undefined) process.exitCode = 1;
}
