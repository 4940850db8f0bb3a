import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ChaosHttp } from "../support/chaos-http.ts";
import { chaos, noFaults, rough, roughFaults } from "../support/chaos-proxy.ts";
import { judge, plantTree } from "../support/client-judge.ts";
import { ClientLoad } from "../support/client-load.ts";
import { TestServer } from "../support/server.ts";

const clients = 8;
const submissionsEach = 60;
/** PARTITA_RUNS: the number of runs, for a longer search. */
const runs = Number(process.env["PARTITA_RUNS"] ?? 3);
/** The time with faults. */
const faultsMin = 50;
/** A run takes about three seconds. */
const settleMsMax = 60_000;

const given = process.env["PARTITA_SEED"];
const first = Number(given ?? Math.floor(Math.random() * 2 ** 31));
const seeds = Array.from({ length: given === undefined ? runs : 1 }, (_, at) => first + at);

const server = new TestServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

describe.each([
  ["disturbs HTTP", false],
  ["holds streams back, and disturbs polls", true],
])("8 clients in Node, behind a network that blocks WebSockets and %s", (_, holdsBack) => {
  test.for(seeds)(
    "[CL-7] [CL-6] [CL-3] [CL-14] [ID-14] [WP-5] [LC-1] seed %i: after the faults all views equal the state of the server, and each draft counts as its verdict says",
    { timeout: settleMsMax },
    async (seed, { onTestFailed }) => {
      const partition = `blocked-${holdsBack}-${seed}`;
      await plantTree(server.url, partition);
      const happened = noFaults();
      const proxies = Array.from(
        { length: clients },
        (_, at) => new ChaosHttp(server.url, chaos(seed * 31 + at * 1_000_003, roughFaults, happened), { holdsBack }),
      );
      await Promise.all(proxies.map((proxy) => proxy.start()));
      const loads = proxies.map(
        ({ url }, at) =>
          new ClientLoad({
            url,
            partition,
            clientId: `client-${at}`,
            seed: seed * 17 + at,
            submissions: submissionsEach,
          }),
      );
      onTestFailed(() => console.log(JSON.stringify(loads.map((load) => load.condition))));
      try {
        await Promise.all(loads.map((load) => load.submit()));
        await rough(happened, faultsMin);
        for (const proxy of proxies) proxy.heal();
        await Promise.all(loads.map((load) => load.settled()));
        const response = await fetch(new URL(`v1/partitions/${partition}/events?limit=1`, server.url));
        const { currentEventIndex } = (await response.json()) as { currentEventIndex: number };
        await Promise.all(loads.map((load) => load.caughtUp(currentEventIndex)));
        const result = await judge(server.url, partition, await Promise.all(loads.map((load) => load.report())));
        const connections = proxies.reduce((sum, proxy) => sum + proxy.connections, 0);
        console.log(`seed ${seed}: ${JSON.stringify({ ...result, connections, ...happened })}`);
        // Some drafts were rejected, and some accepted.
        expect(result.accepted).toBeGreaterThan(clients * 10);
        expect(result.refused).toBeGreaterThan(0);
        // Several clients have tried WebSockets before.
        for (const { upgrades } of proxies) expect(upgrades).toBeGreaterThanOrEqual(3);
        if (holdsBack) for (const { polls } of proxies) expect(polls).toBeGreaterThan(3);
      } finally {
        await Promise.all(loads.map(({ client }) => client.close()));
        await Promise.all(proxies.map((proxy) => proxy.stop()));
      }
    },
  );
});
