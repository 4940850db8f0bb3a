import type { Arena, HttpAnswer } from "../arena.ts";
import { type Case, frameBound, only } from "../case.ts";
import { largeEventsLog } from "../logs.ts";
import { corruptEvent } from "../prepared.ts";
import { type Answers, count } from "../socket.ts";
import type { Principal } from "../tokens.ts";

const small = { type: "set", payload: { target: "n", value: 1 } };
/** The drafts of the batches that use up the rate of a principal. */
const drafts = 20;
/** New drafts at the same time, which are refused. */
const freshDrafts = 200;
/** More requests than wait for a partition. */
const waiting = 2_500;
const damagedEvent = 60;

/** What is wrong with the answer to a replay. */
function replayed(first: HttpAnswer, again: HttpAnswer, where: string): string | undefined {
  if (first.status === 201 && again.status === 201 && first.body.equals(again.body)) return undefined;
  return `a replay ${where} is answered ${again.kind}`;
}

/** A case about one replay: `refuse` brings the partition into the state in which it refuses new drafts. */
const replay = (
  name: string,
  what: string,
  where: string,
  refusal: string,
  refuse: (arena: Arena, who: Principal, partition: string) => Promise<void>,
): Case => ({
  name,
  what,
  boundBy: "the stored answer comes before every refusal (BD-6)",
  bound: frameBound,
  again: true,
  rounds: 1,
  beside: false,
  tested: true,
  async prepare(arena) {
    const partition = arena.fresh("replay");
    const who = await arena.unlimited();
    const limited = await arena.attacker();
    const author = refusal === "rate_limited" ? limited : who;
    const first = await arena.submit(author, partition, "first", small);
    await refuse(arena, author, partition);
    let wrong: string | undefined;
    return {
      async strike() {
        // More than a rate gives back meanwhile.
        const fresh = Array.from({ length: freshDrafts }, () =>
          arena.submit(author, partition, crypto.randomUUID(), small),
        );
        const answers: Answers = {};
        for (const { kind } of await Promise.all(fresh)) count(answers, kind);
        wrong = replayed(first, await arena.submit(author, partition, "first", small), where);
        return { frames: freshDrafts + 1, answers };
      },
      judge: (answers) => wrong ?? (refusal in answers ? undefined : `a new draft is not answered ${refusal}`),
    };
  },
});

export const promises: readonly Case[] = [
  replay(
    "replay-over-rate",
    "A replay of an accepted draft by a principal over its rate",
    "over the rate",
    "rate_limited",
    async (arena, who, partition) => {
      for (let batch = 0, kind = "200"; kind === "200"; batch++) {
        const events = Array.from({ length: drafts }, (_, at) => ({ draftId: `b${batch}-${at}`, event: small }));
        ({ kind } = await arena.submit(who, partition, `b${batch}`, { mode: "atomic", events }));
      }
    },
  ),
  replay(
    "replay-drained",
    "A replay of an accepted draft in a partition that is drained",
    "while drained",
    "draining",
    async (arena, _, partition) => {
      const admin = await arena.unlimited("admin", ["admin:*"]);
      const body = JSON.stringify({ seconds: 60 });
      await arena.http(admin, `/v1/partitions/${partition}/drain`, { method: "POST", body });
    },
  ),
  {
    name: "waiting-requests",
    what: `${waiting.toLocaleString("en")} requests of one principal at once`,
    boundBy: "`queueWorkPerConnectionMax`; refused as `overloaded`",
    // The open connections of the requests take what the platform gives them.
    bound: {},
    rounds: 1,
    beside: false,
    tested: true,
    async prepare(arena) {
      const partition = arena.fresh("waiting");
      const who = await arena.unlimited();
      await arena.submit(who, partition, "first", small);
      return {
        async strike() {
          const answers: Answers = {};
          const all = Array.from({ length: waiting }, async (_, at) => {
            count(answers, (await arena.submit(who, partition, `w${at}`, small)).kind);
          });
          await Promise.all(all);
          return { frames: waiting, answers };
        },
        judge: only("201", "overloaded", "partition_unavailable"),
      };
    },
  },
  {
    name: "damaged-event",
    what: "Requests to a log with a flipped byte",
    boundBy: "`quarantined`, kept: nothing is folded again for each request",
    bound: frameBound,
    tested: true,
    async prepare(arena) {
      const partition = arena.prepared("damaged", () => largeEventsLog(damagedEvent * 2, 20_000));
      corruptEvent(arena.folder, partition, damagedEvent);
      const at = (path: string) => `/v1/partitions/${partition}/${path}`;
      // What the first request finds out is its own cost.
      await arena.http(await arena.attacker(), at("state"));
      let intact: string | undefined;
      return {
        async strike(who) {
          const answers: Answers = {};
          const page = await arena.http(who, at("events?since=0&limit=20"));
          intact = page.status === 200 ? undefined : `the intact part is answered ${page.kind}`;
          count(answers, (await arena.submit(who, partition, crypto.randomUUID(), small)).kind);
          count(answers, (await arena.http(who, at("state"))).kind);
          count(answers, (await arena.http(who, at(`state?at=${damagedEvent + 10}`))).kind);
          return { frames: 4, answers };
        },
        judge: (answers) => intact ?? only("quarantined", "rate_limited")(answers),
      };
    },
  },
];
