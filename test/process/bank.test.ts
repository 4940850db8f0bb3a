// Transfers between banks while their server is killed: `npm run bank` has 50,000, and kills them in each state.
import { expect, test } from "vitest";
import { runBank } from "./bank/drive.ts";
import { type Evidence, judge, type LoggedEvent, shortcomings, summary } from "./bank/judge.ts";

const wanted = { transfers: 300, kills: 4, eachState: false };
const size = { banks: 8, accountsEach: 20, clients: 16 };

const seed = Number(process.env["PARTITA_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** What the judge says where the logs are others. */
const faultsWith = (evidence: Evidence, change: (log: readonly LoggedEvent[]) => readonly LoggedEvent[]) =>
  judge({ ...evidence, logs: new Map([...evidence.logs].map(([bank, log]) => [bank, change(log)])) }).faults;

test("[TX-14] [TX-15] [TX-16] [ID-6] clients of eight banks pay to each other while workerd is killed: each transfer ends, none happens twice, and by the logs alone all money is there after each event", async () => {
  console.log(`PARTITA_SEED=${seed}`);
  const evidence = await runBank({ ...size, ...wanted, seed });
  const judgement = judge(evidence);
  const { length: kills } = evidence.kills;
  console.log(summary(judgement, kills));
  expect(judgement.faults).toEqual([]);
  expect(shortcomings(judgement, kills, wanted)).toEqual([]);

  // A judge that finds nothing in any log would say the same.
  const isStep = ({ type, payload }: LoggedEvent) => type === "post" && payload.transfer.includes(".");
  const without = (is: (event: LoggedEvent) => boolean) =>
    faultsWith(evidence, (log) => log.filter((event, at) => log.findIndex(is) !== at || !is(event)));
  const twice = (is: (event: LoggedEvent) => boolean) =>
    faultsWith(evidence, (log) => log.flatMap((event, at) => (log.findIndex(is) === at ? [event, event] : [event])));
  for (const is of [
    isStep,
    ({ type }: LoggedEvent) => type === "reverse",
    ({ type }: LoggedEvent) => type === "pay.start",
    ({ type }: LoggedEvent) => type === "transfer",
  ]) {
    expect(without(is)).not.toEqual([]);
    expect(twice(is)).not.toEqual([]);
  }
});
