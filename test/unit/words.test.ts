import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { defineModel } from "../../src/model/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { board } from "../support/board.ts";
import { TestPartition } from "../support/partition.ts";
import { FakeWorld } from "./client/harness.ts";

/** Words that plain objects inherit. A state has them as keys like any other. */
const inherited = ["toString", "hasOwnProperty", "valueOf", "isPrototypeOf", "__defineGetter__", "toJSON", "then"];
/** Words that no object of a state has as a key. */
const forbidden = ["__proto__", "constructor", "prototype"];

/** Words of its users are keys of its state, and nothing of that is in its schemas. */
const glossary = defineModel({
  name: "glossary",
  version: 1,
  initialState: () => ({ words: {} as Record<string, { of: string[]; seen: number }>, last: {} as object }),
  events: {
    define: {
      payload: z.strictObject({ note: z.string(), word: z.string(), of: z.array(z.string()) }),
      validate: (state, { payload }) =>
        state.words[payload.word] ? { field: "payload.word", code: "KNOWN", message: "It is there." } : undefined,
      reduce(state, { payload }) {
        state.words[payload.word] = { of: payload.of, seen: 0 };
        for (const other of payload.of) {
          state.words[other] ??= { of: [], seen: 0 };
          state.words[other].seen += 1;
        }
        state.last = { [payload.word]: Object.keys(state.words).length };
      },
    },
    shorten: {
      payload: z.strictObject({ word: z.string() }),
      reduce(state, { payload }) {
        state.words[payload.word.slice(1)] = { of: [], seen: 0 };
      },
    },
    forget: {
      payload: z.strictObject({ word: z.string() }),
      reduce(state, { payload }) {
        delete state.words[payload.word];
      },
    },
  },
});
const define = (word: string, of: string[] = []) => ({ note: `about ${word}`, word, of });

const forbiddenAt = (field: string, word: string) => ({
  code: "validation_failed",
  layer: "rule",
  status: 422,
  errors: [{ field, code: "forbidden_key", message: `"${word}" cannot be a key.` }],
});

describe("words of users as keys of a state", () => {
  it.each(inherited)("[MD-14] %s is a key like any other, on the server, in replay and in the client", async (word) => {
    const room = new TestPartition({ model: glossary });
    const client = room.client("a");
    expect(client.submit("1", "forget", { word }).type).toBe("event_accepted");
    expect(client.submit("2", "define", define(word, [word, "other"])).type).toBe("event_accepted");
    expect(client.submit("3", "define", define(word)).payload.errors).toMatchObject([{ code: "KNOWN" }]);
    const state = {
      words: { [word]: { of: [word, "other"], seen: 1 }, other: { of: [], seen: 1 } },
      last: { [word]: 2 },
    };
    expect(room.state()).toEqual(state);
    room.restart();
    expect(room.state()).toEqual(state);

    const own = await new FakeWorld().online({ model: glossary }, { state: glossary.initialState() });
    void own.submit("define", define(word, [word, "other"]));
    expect(own.state).toEqual(state);
    expect(await own.submit("define", define(word))).toMatchObject({ local: true, problem: { layer: "rule" } });
    void own.submit("forget", { word });
    expect((own.state as { words: object }).words).toEqual({ other: { of: [], seen: 1 } });
    await own.close();
  });

  it.each(forbidden)("[MD-14] [ER-3] %s is refused at its field, as a verdict, and nothing is logged", (word) => {
    const room = new TestPartition({ model: glossary });
    const client = room.client("a");
    const answer = client.submit("1", "define", define(word));
    expect(answer).toMatchObject({ type: "event_rejected", payload: forbiddenAt("payload.word", word) });
    const nested = client.submit("2", "define", define("word", ["other", word]));
    expect(nested.payload).toMatchObject(forbiddenAt("payload.of[1]", word));
    // What the model has made of a word is nowhere in the payload.
    expect(client.submit("3", "shorten", { word: `x${word}` }).payload).toMatchObject(forbiddenAt("payload", word));
    // It is not there, and so it is removed.
    expect(client.submit("4", "forget", { word }).type).toBe("event_accepted");
    expect(room.state()).toEqual(glossary.initialState());
    expect(client.submit("1", "define", define(word)).payload).toEqual(answer.payload);
    expect(room.logged.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("[MD-14] [TX-2] one in an atomic batch takes the whole batch back", () => {
    const room = new TestPartition({ model: glossary });
    const client = room.client("a");
    const events = ["fine", "constructor"].map((word, at) => ({
      draftId: `b-${at}`,
      event: { type: "define", payload: define(word) },
    }));
    const [{ payload }] = client.send("submit_events", { batchId: "b", mode: "atomic", events });
    expect(payload.results).toMatchObject([
      { status: "not_processed" },
      { status: "rejected", code: "validation_failed", errors: [{ field: "payload.word" }] },
    ]);
    expect(room.state()).toEqual(glossary.initialState());
    expect(room.logged.filter(({ level }) => level === "error")).toEqual([]);
  });

  it.each(forbidden)("[MD-14] [CL-1] %s is rejected by the client as by the server", async (word) => {
    const client = await new FakeWorld().online({ model: glossary }, { state: glossary.initialState() });
    const { status, ...problem } = forbiddenAt("payload.word", word);
    const verdict = await client.submit("define", define(word));
    expect(verdict).toMatchObject({ status: "rejected", local: true, problem: { ...problem, status } });
    expect(client.state).toEqual(glossary.initialState());
    expect(client.pending).toEqual([]);
  });

  it("[MD-14] [MD-9] insieme takes inherited words as keys of documents and as ids of nodes", async () => {
    const room = new TestPartition();
    const world = room.client("a");
    const client = await new FakeWorld().online({ model: insieme });
    let drafts = 0;
    const both = (type: keyof (typeof insieme)["events"] & string, payload: object) => {
      void client.submit(type, payload as never);
      const answer = world.submit(`d-${++drafts}`, type, payload);
      expect([type, answer.type]).toEqual([type, "event_accepted"]);
      expect(client.state).toEqual(room.state());
    };
    for (const word of inherited) {
      both("set", { target: word, value: { [word]: 1 } });
      both("set", { target: word, value: { more: 2 } });
      both("set", { target: `${word}.deep.${word}`, value: [word], options: { replace: true } });
      both("unset", { target: `${word}.deep.${word}` });
      both("set", { target: `trees.${word}`, value: {} });
      const target = `trees.${word}`;
      both("treePush", { target, value: { id: word, [word]: word } });
      both("treePush", { target, value: { id: "child" }, options: { parent: word } });
      both("treePush", { target, value: { id: "before" }, options: { position: { before: word } } });
      both("treeUpdate", { target, value: { more: word }, options: { id: word } });
      both("treeMove", { target, options: { id: "child", position: { after: word } } });
      both("treeDelete", { target, options: { id: word } });
    }
    expect(client.pending.filter(({ failure }) => failure)).toEqual([]);
    expect(room.logged.filter(({ level }) => level === "error")).toEqual([]);
    await client.close();
  });

  it.each(forbidden)("[MD-14] [MD-9] insieme refuses %s as a segment and as an id, at its field", async (word) => {
    const room = new TestPartition();
    const client = room.client("a");
    client.submit("0", "set", { target: "t", value: {} });
    client.submit("1", "treePush", { target: "t", value: { id: "n" } });
    const refused: [string, object, string][] = [
      ["set", { target: `a.${word}`, value: 1 }, "payload.target"],
      ["unset", { target: word }, "payload.target"],
      ["treePush", { target: word, value: { id: "x" } }, "payload.target"],
      ["treePush", { target: "t", value: { id: word } }, "payload.value.id"],
      ["treePush", { target: "t", value: { id: "x" }, options: { parent: word } }, "payload.options.parent"],
      ["treeUpdate", { target: "t", value: {}, options: { id: word } }, "payload.options.id"],
      ["treeMove", { target: "t", options: { id: word } }, "payload.options.id"],
      ["treeMove", { target: "t", options: { id: "n", parent: word } }, "payload.options.parent"],
      ["treeDelete", { target: "t", options: { id: word } }, "payload.options.id"],
    ];
    const before = room.state();
    for (const [at, [type, payload, field]] of refused.entries()) {
      const { payload: answer } = client.submit(`d-${at}`, type, payload);
      expect([answer.status, answer.errors[0].field]).toEqual([422, field]);
    }
    // A place that is not there is the last one, whatever it is called.
    const anywhere = { target: "t", value: { id: "m" }, options: { position: { after: word } } };
    expect(client.submit("last", "treePush", anywhere).type).toBe("event_accepted");
    expect(before).toMatchObject({ t: { tree: [{ id: "n" }] } });
    expect(room.logged.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("[MD-14] [MD-16] a board takes any word as the id of a card, or refuses it at its field", () => {
    const room = new TestPartition({ model: board });
    const client = room.client("a");
    client.submit("0", "found", { name: "constructor" });
    for (const word of inherited) {
      expect(client.submit(`erase-${word}`, "erase", { id: word }).payload.errors).toMatchObject([{ code: "NO_CARD" }]);
      expect(client.submit(`write-${word}`, "write", { id: word, text: word }).type).toBe("event_accepted");
    }
    for (const word of forbidden) {
      expect(client.submit(word, "write", { id: word, text: word }).payload).toMatchObject(
        forbiddenAt("payload.id", word),
      );
      expect(client.submit(`role-${word}`, "setRole", { member: word, role: "owner" }).payload.status).toBe(422);
    }
    expect(room.logged.filter(({ level }) => level === "error")).toEqual([]);
  });
});
