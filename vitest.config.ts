import { availableParallelism } from "node:os";
import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { kCurrentWorker } from "miniflare";
import { defineConfig } from "vitest/config";

import { LongestFirst } from "./test/longest-first.ts";
import { auditKeys } from "./test/workerd/audit-keys.ts";
import { identitySettings } from "./test/verified/settings.ts";

/** Loads .sql files as text modules, as wrangler does. */
const sqlAsText = {
  name: "sql-as-text",
  enforce: "pre" as const,
  transform: (text: string, id: string) => (id.endsWith(".sql") ? `export default ${JSON.stringify(text)}` : undefined),
};

export default defineConfig({
  test: {
    reporters: ["default", "./test/totals-reporter.ts"],
    // Half as many again as cores: tests of real processes wait for a third of their time. More would make them uncertain on a
    // slow machine.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        plugins: [sqlAsText],
        test: {
          name: "node",
          // node:sqlite is what the tests run on, and says at every start that it is new.
          execArgv: ["--disable-warning=ExperimentalWarning"],
          include: ["test/{unit,contract,conformance,simulation,insieme,testing}/**/*.test.ts"],
          exclude: ["**/*.workerd.test.ts"],
          // Generous, because time decides nothing: the machine may be busy.
          testTimeout: 60_000,
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            main: "./test/workerd/worker.ts",
            miniflare: {
              queueProducers: { MAIL: "mail" },
              // As another Worker has it.
              serviceBindings: {
                WRITERS: { name: kCurrentWorker, entrypoint: "Writers", props: { name: "billing", tenant: "default" } },
              },
              queueConsumers: { mail: { maxBatchTimeout: 0.05 } },
              bindings: {
                PARTITA_IDENTITY: "open",
                PARTITA_WEBHOOK_KEY: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
                PARTITA_WEBHOOK_LOOPBACK: "on",
                PARTITA_AUDIT_KEYS: auditKeys,
              },
            },
          }),
        ],
        test: {
          name: "workerd",
          include: ["test/**/*.workerd.test.ts", "test/workerd/**/*.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        // With tokens, as in production.
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            main: "./test/verified/worker.ts",
            miniflare: {
              bindings: { ...identitySettings },
              // Objects as the version before has them, for neighbours.test.ts.
              durableObjects: {
                PARTITIONS_BEFORE: { className: "PartitionBefore", useSQLite: true },
                TENANTS_BEFORE: { className: "TenantBefore", useSQLite: true },
              },
            },
          }),
        ],
        test: { name: "verified", include: ["test/verified/**/*.test.ts"], testTimeout: 60_000 },
      },
      {
        // Real processes and a real browser, with patience.
        test: {
          name: "process",
          include: ["test/{process,browser}/**/*.test.ts"],
          globalSetup: ["test/support/build-once.ts"],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          // Of a machine that does much else: a second, the default, decides tests by time.
          expect: { poll: { timeout: 30_000 } },
        },
      },
    ],
  },
});
