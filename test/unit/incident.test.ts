import { readFileSync, writeFileSync } from "node:fs";
import * as z from "zod/mini";
import { expect, it } from "vitest";
import { type IncidentLine, incidentReport } from "../../src/cli/incident.ts";
import type { ReadEvent } from "../../src/cli/read-log.ts";
import { type AnyModel, defineModel } from "../../src/model/index.ts";
import { TestPartition } from "../support/partition.ts";

/** A list of tasks. Its second version cannot fold what has no owner. */
function tasks(version: number): AnyModel {
  return defineModel({
    name: "tasks",
    version,
    initialState: () => ({ open: 0 }),
    events: {
      add: {
        payload: z.object({ text: z.string() }),
        reduce: (state: { open: number }, { payload }: { payload: { owner?: { id: string } } }) => {
          if (version === 2 && payload.owner!.id === "") return;
          state.open++;
        },
      },
    },
  } as never) as AnyModel;
}

/** A deployment of a model that cannot fold the log of a partition, and the rollback. */
function deployment() {
  const room = new TestPartition({ model: tasks(1) });
  room.now = Date.UTC(2026, 10, 29, 10, 0);
  const lines: IncidentLine[] = [];
  const events: ReadEvent[] = [];
  const submit = (text: string) => {
    const answer = room.client("phone").submit(`d-${text}`, "add", { text });
    for (const line of room.logged.splice(0))
      lines.push({ ...line.fields, timestamp: room.now, level: line.level, event: line.event, message: line.message });
    if (answer.type === "event_accepted") {
      const { eventId, event } = answer.payload;
      events.push({ eventId, event });
    }
    room.now += 20_000;
  };
  for (const text of ["a", "b", "c", "d"]) submit(text);
  room.restart(tasks(2));
  room.now += 60_000;
  submit("e");
  room.restart(tasks(1));
  room.now += 11 * 60_000;
  submit("f");
  return { room, lines, events };
}

it("[OB-6] a report of an incident has its timeline, and the example in the guide is one", () => {
  const { lines, events } = deployment();
  const report = incidentReport({
    partition: "room",
    from: Date.UTC(2026, 10, 29, 10, 0),
    to: Date.UTC(2026, 10, 29, 10, 20),
    events,
    lines,
    usage: { logBytes: { used: 60, max: 100 }, effects: { used: 1, max: 100 } },
  });
  expect(events.map(({ eventId }) => eventId)).toEqual([1, 2, 3, 4, 5]);
  expect(report).toMatch(/\| 10:02:20 \| error \| quarantined: the log cannot be folded, or read; eventId 1/);
  expect(report).toContain("no events for 12 minutes");
  expect(report).toContain("more than half full now: logBytes, 60 %");
  const path = "docs/guide/incidents.md";
  const page = readFileSync(path, "utf8");
  const [, example = ""] = /```markdown\n([^]*?)```/.exec(page) ?? [];
  if (process.env["UPDATE"]) writeFileSync(path, page.replace(`markdown\n${example}`, `markdown\n${report}`));
  else expect(example).toBe(report);
});

it("[OB-6] [BD-1] a long timeline leaves out normal work, and keeps errors", () => {
  const line = (at: number, level: string): IncidentLine => ({ timestamp: at, level, event: "x", message: `m${at}` });
  const lines = Array.from({ length: 2_000 }, (_, at) => line(at, at === 1_999 ? "error" : "info"));
  const report = incidentReport({
    partition: "p",
    from: 0,
    to: 2_000,
    events: [],
    lines,

    usage: undefined,
  });
  expect(report.match(/^\| 00:/gm)).toHaveLength(500);
  expect(report).toContain("m1999");
  expect(report).toContain("1500 rows are left out");
});

it("[OB-6] what others have written is text in a report: no cell, link, picture or tag, and it does not hide errors", () => {
  const line = (level: string, principal: string): IncidentLine => {
    return { timestamp: 0, level, event: "x", message: "refused", principal };
  };
  const hostile = "a\\| error | ![](https://x/y) <b>&lt; `c` \u001b[2J\u202e";
  const lines = [...Array.from({ length: 500 }, () => line("forged|", "p")), line("error", hostile)];
  const report = incidentReport({ partition: "p", from: 0, to: 2_000, events: [], lines, usage: undefined });
  expect(report).toContain(
    String.raw`| 00:00:00 | error | refused; principal a\\\| error \| !\[\](https://x/y) \<b\>\&lt; \`c\`  \[2J  |`,
  );
  expect(report).toContain("1 rows are left out");
});
