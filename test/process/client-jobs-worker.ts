// A worker of a queue in a process of its own, which may be killed. It writes a line for each handler that begins.
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, memoryStore } from "../../src/client/index.ts";
import { jobs } from "../../src/models/jobs/index.ts";
import { work } from "../../src/worker/index.ts";

const [url = "", partition = "", name = ""] = process.argv.slice(2);
const client = createClient({ url, partition, clientId: name, model: jobs, store: memoryStore() });
const worker = work(client, { concurrency: 2, ahead: 1, name }, async ({ job, fence, idempotencyKey: key }) => {
  process.stdout.write(`${JSON.stringify({ job, fence, key, at: Date.now(), worker: worker.name })}\n`);
  await sleep(100 + (fence % 10) * 40);
});
