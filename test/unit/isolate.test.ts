import { expect, it, vi } from "vitest";
import { single } from "../../src/core/index.ts";
import { IsolateUse } from "../../src/platform/isolate.ts";
import type { Author } from "../../src/protocol/index.ts";
import { PartitionShell } from "../../src/shell/partition-shell.ts";
import { TestShell } from "../support/shell.ts";

const alice: Author = { principal: "alice", permissions: "all" };

it("[WP-10] a partition is alone in its isolate after many windows in which nobody else has run", async () => {
  const isolate = new IsolateUse();
  const [one, other] = [new TestShell({ isolate }), new TestShell({ isolate })];
  let drafts = 0;
  const submit = async (shell: TestShell) => {
    const draftId = `d${++drafts}`;
    const event = { type: "set", payload: { target: "n", value: drafts } };
    expect((await shell.submit(alice, single({ draftId, event, expectedEventId: undefined }))).status).toBe(201);
  };
  const windows = (count: number) => Array.from({ length: count }, () => isolate.beginWindow());
  await submit(one);
  expect(windows(17)).toEqual([...Array<boolean>(16).fill(false), true]);
  await submit(one);
  expect(windows(2)).toEqual([true, true]);
  await submit(other);
  await submit(one);
  expect(windows(1)).toEqual([false]);
});

it("[BD-1] the note of who uses the isolate does not keep a partition in memory", async () => {
  const isolate = new IsolateUse();
  const note = vi.spyOn(isolate, "note");
  const shell = new TestShell({ isolate });
  await shell.submit(alice, single({ draftId: "d1", event: { type: "set", payload: {} }, expectedEventId: undefined }));
  const noted = note.mock.calls.map(([user]) => user);
  expect(noted).not.toEqual([]);
  for (const user of noted) expect(user).not.toBeInstanceOf(PartitionShell);
});
