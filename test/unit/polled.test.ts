import { describe, expect, it } from "vitest";
import type { Author } from "../../src/protocol/index.ts";
import { bounds } from "../../src/protocol/index.ts";
import { firstNews } from "../../src/edge/routes/first-news.ts";
import { generousTenant, TestShell } from "../support/shell.ts";

const ada: Author = { principal: "ada", permissions: "all" };

describe("a polled connection", () => {
  it("[CL-14] [LC-7] is not kept where what a poll brings is refused", async () => {
    const shell = new TestShell({ tenant: generousTenant });
    const asked = { author: ada, before: 0, frames: [], received: 0, holdMs: 0, end: false };
    const opened = await shell.shell.poll(asked, "f".repeat(32));
    const { connectionId } = JSON.parse(opened.body as string) as { connectionId: string };
    const refused = await shell.shell.poll({ ...asked, connectionId, before: 7 }, "f".repeat(32));
    expect(refused.status).toBe(400);
    const used = async () => {
      const usage = await shell.shell.readUsage({ traceId: "f".repeat(32), reader: ada });
      return (JSON.parse(usage.body as string) as { usage: { streams: { used: number } } }).usage.streams.used;
    };
    expect(await used()).toBe(1);
    shell.elapse(bounds.pollGapMsMax);
    expect(await used()).toBe(0);
  });
});

describe("the answer to a poll", () => {
  const later = <T>(ms: number, value: T) => new Promise<T>((resolve) => setTimeout(() => resolve(value), ms));
  const never = new Promise<never>(() => {});
  const text = (connectionId: string, frames: string[] = []) => JSON.stringify({ connectionId, from: 0, frames });

  it("[CL-14] has what is opened far away, and waits for no connection without news", async () => {
    const far = later(5 * bounds.pollGatherMs, text("b"));
    const texts = await firstNews([
      { partition: "a", opens: false, answered: Promise.resolve(), text: Promise.resolve(text("a", ["news"])) },
      { partition: "b", opens: true, answered: far, text: far },
      { partition: "c", opens: false, answered: Promise.resolve(), text: never },
    ]);
    expect(texts.map((member) => JSON.parse(member))).toEqual([
      { partition: "a", connectionId: "a", from: 0, frames: ["news"] },
      { partition: "b", connectionId: "b", from: 0, frames: [] },
      { partition: "c" },
    ]);
  });

  it("[CL-14] [BD-5] has the id of each connection that it opens, also where there is no room for its frames", async () => {
    const large = text("large", ["x".repeat(bounds.pollAnswerUnitsMax)]);
    const member = (opens: boolean, answer: string) => {
      const given = Promise.resolve(answer);
      return { partition: "p", opens, answered: given, text: given };
    };
    const texts = await firstNews([
      member(true, large),
      member(true, text("opened", ["first"])),
      member(false, text("known", ["more"])),
    ]);
    expect(texts.slice(1).map((answer) => JSON.parse(answer))).toEqual([
      { partition: "p", connectionId: "opened", from: 0, frames: [] },
      { partition: "p" },
    ]);
  });
});
