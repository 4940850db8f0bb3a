// Transfers between banks while their server is killed: `npm run bank` has 50,000, and kills them in each state.
import { expect, test } from "vitest";
import { runBank } from "./bank/drive.ts";
import { type Evidence, judge, type LoggedEvent, shortcomings, summary } from "./bank/judge.ts";

const wanted = { transfers: 300, kills: 4, eachState: false };
const size = { banks: 8, accountsEach: 20, clients: 16 };

const seed = Number(process.env["PARTITA_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** What the judge says where the first event of this kind is another one in each log, and all others have their event ids. */
function faultsWith({ logs, ...evidence }: Evidence, is: Is, change: (event: LoggedEvent) => LoggedEvent[]): string {
  const changed = [...logs].map(([bank, log]) => {
    const at = log.findIndex(is);
    if (at === -1) return [bank, log] as const;
    const [instead = gone, ...more] = change(log[at]!);
    return [bank, [...log.with(at, instead), ...more]] as const;
  });
  // Without the balances: they alone would show most of it.
  return judge({ ...evidence, logs: new Map(changed), balances: new Map() }).faults.join("\n");
}

type Is = (event: LoggedEvent) => boolean;
const gone: LoggedEvent = { type: "gone", timestamp: 0, payload: {} };
const isOf =
  (wanted: string): Is =>
  ({ type }) =>
    type === wanted;
const isStep: Is = ({ type, payload }) => type === "post" && payload.transfer.includes(".");
const isLastStep: Is = (event) => isStep(event) && event.payload.transfer.endsWith(".to");

test("[TX-14] [TX-15] [TX-16] [ID-6] clients of eight banks pay to each other while workerd is killed: each transfer ends, none happens twice, and by the logs alone all money is there after each event", async () => {
  console.log(`PARTITA_SEED=${seed}`);
  const evidence = await runBank({ ...size, ...wanted, seed });
  const judgement = judge(evidence);
  const { length: kills } = evidence.kills;
  console.log(summary(judgement, kills));
  expect(judgement.faults).toEqual([]);
  expect(shortcomings(judgement, kills, wanted)).toEqual([]);

  // A judge that finds nothing in any log would say the same.
  expect(faultsWith(evidence, isStep, (event) => [event])).toBe("");
  for (const [is, where] of [
    [isStep, /and done is/],
    [isOf("reverse"), /and done is/],
    [isOf("pay.start"), /belongs to no transfer/],
    [isOf("transfer"), /is at "", and the verdict/],
  ] as const) {
    expect(faultsWith(evidence, is, () => [])).toMatch(where);
  }
  for (const [is, where] of [
    [isStep, /is posted twice/],
    [isOf("reverse"), /is reversed twice/],
    [isOf("pay.start"), /starts twice/],
    [isOf("transfer"), /is posted twice/],
  ] as const) {
    expect(faultsWith(evidence, is, (event) => [event, event])).toMatch(where);
  }
  const oneMore = ({ payload, ...event }: LoggedEvent): LoggedEvent[] => {
    const [{ account: from }, { account: to, amount }] = payload.legs;
    const legs = [
      { account: from, amount: -amount - 1 },
      { account: to, amount: amount + 1 },
    ];
    return [{ ...event, payload: { ...payload, legs } }];
  };
  expect(faultsWith(evidence, isLastStep, oneMore)).toMatch(/after post .* owned, .* in transit, .* in all/);
  const [bank, balances] = [...evidence.balances][0]!;
  const changed = new Map(evidence.balances).set(bank, { ...balances, in: balances["in"]! + 1 });
  expect(judge({ ...evidence, balances: changed }).faults).toEqual([expect.stringContaining(`${bank}: in has`)]);
});
