import { describe, expect, it } from "vitest";
import { simulateJobs } from "./jobs/simulate.ts";

const timeoutMs = 600_000;

describe("workers of a queue", () => {
  it(
    "[JB-1] [JB-2] [JB-3] [JB-4] are killed, cut off and stopped, and each job is completed once; a stream of urgent ones starves none",
    async () => {
      for (let seed = 1; seed <= 8; seed++)
        expect(await simulateJobs(seed)).not.toHaveProperty("violation", expect.any(String));
    },
    timeoutMs,
  );

  it(
    "[JB-3] are divided by the weights of shares within 5 %, among 20 workers",
    async () => {
      const { violation, told } = await simulateJobs(1, { workers: 20, jobs: 300, chaos: true });
      console.log(`a line of jobs: ${told}`);
      expect(violation).toBeUndefined();
    },
    timeoutMs,
  );
});
