import { createClient, type Verdict } from "partita/client";
import { select } from "partita/client/select";
import { sqliteStore } from "partita/client/sqlite";
import { defineModel } from "partita/model";
import { insieme } from "partita/models/insieme";
import { inventory } from "partita/models/inventory";
import { ledger } from "partita/models/ledger";
import { clientMessage, errorStatuses, type ServerMessage } from "partita/wire";
import * as z from "zod";
import * as mini from "zod/mini";
import "../shared/main.js";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const sure = <T extends true>(value?: T): T | undefined => value;

/** The schemas of the two flavours of zod give the payloads their types. */
const counter = defineModel({
  name: "counter",
  version: 1,
  initialState: () => ({ count: 0 }),
  events: {
    add: {
      payload: z.strictObject({ by: z.number(), tags: z.array(z.enum(["a", "b"])) }),
      reduce(state, { payload }) {
        sure<Equal<typeof payload, { by: number; tags: ("a" | "b")[] }>>();
        state.count += payload.by;
      },
    },
    reset: {
      payload: mini.strictObject({ why: mini.optional(mini.string()) }),
      reduce(state, { payload }) {
        state.count = payload.why === undefined ? 0 : -1;
      },
    },
  },
});

/** Compiled, not run. */
export async function unused(): Promise<void> {
  const client = createClient({ url: "http://127.0.0.1", partition: "counter-1", model: counter });
  const verdict: Verdict = await client.submit("add", { by: 1, tags: ["a"] });
  sure<Equal<typeof client.state.count, number>>();
  await client.submit("reset", {});
  // @ts-expect-error -- `by` is a number
  await client.submit("add", { by: "1", tags: [] });
  // @ts-expect-error -- there is no such event
  await client.submit("subtract", { by: 1 });
  // @ts-expect-error -- the state is read only
  client.state.count = 1;
  const count: number = select(client, (state) => state.count).get();
  const files = createClient({
    url: "http://127.0.0.1",
    partition: "p",
    model: insieme,
    store: sqliteStore(":memory:"),
  });
  await files.submit("set", { target: "title", value: verdict.status });
  createClient({ url: "http://127.0.0.1", partition: "i", model: inventory });
  createClient({ url: "http://127.0.0.1", partition: "l", model: ledger });
  const message = clientMessage.parse({});
  const answer: ServerMessage["type"] = "connected";
  console.log(count, message.type, answer, errorStatuses.conflict);
}
