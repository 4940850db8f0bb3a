import { describe, expect, test } from "vitest";
import { changesMax, diffOf } from "../../../src/console/data/diff.ts";
import { previewOf } from "../../../src/console/data/json.ts";
import { passes } from "../../../src/console/data/log.ts";
import { noSeries, rangeOf, samplesOf, withReading } from "../../../src/console/data/metrics.ts";
import { childrenMax, childrenOf, rootOf, textAt } from "../../../src/console/data/tree.ts";
import { hashOf, routeOf } from "../../../src/console/route.ts";

describe("the differences between two states", () => {
  test("[OB-4] are named by path, in both directions", () => {
    const before = { title: "a", kept: { x: 1 }, gone: [1], list: [1, 2, 3] };
    const after = { title: "b", kept: { x: 1 }, list: [1, 9, 2, 3], "odd key": null };
    expect(diffOf(before, after)).toEqual({
      more: false,
      changes: [
        { path: "title", kind: "changed", before: '"a"', after: '"b"' },
        { path: "gone", kind: "removed", before: "[1]" },
        { path: "list[1]", kind: "added", after: "9" },
        { path: '["odd key"]', kind: "added", after: "null" },
      ],
    });
    expect(diffOf(after, before).changes.map(({ kind }) => kind)).toEqual(["changed", "removed", "removed", "added"]);
    expect(diffOf(before, structuredClone(before)).changes).toEqual([]);
  });

  test("[OB-4] members of arrays with an id are compared by it", () => {
    const before = {
      tree: [
        { id: "a", n: 1 },
        { id: "b", n: 2 },
        { id: "c", n: 3 },
      ],
    };
    const after = {
      tree: [
        { id: "c", n: 3 },
        { id: "a", n: 5 },
        { id: "d", n: 4 },
      ],
    };
    expect(diffOf(before, after).changes).toEqual([
      { path: "tree[1].n", kind: "changed", before: "1", after: "5" },
      { path: "tree[1]", kind: "removed", before: '{id: "b", n: 2}' },
      { path: "tree[2]", kind: "added", after: '{id: "d", n: 4}' },
    ]);
  });

  test("[OB-4] are bounded in number, whatever the size of the states", () => {
    const numbers = Array.from({ length: 100_000 }, (_, at) => at);
    const diff = diffOf(
      numbers,
      numbers.map((each) => -each - 1),
    );
    expect([diff.changes.length, diff.more]).toEqual([changesMax, true]);
    const inserted = diffOf(numbers, [...numbers.slice(0, 50_000), "new", ...numbers.slice(50_000)]);
    expect(inserted.changes).toEqual([{ path: "[50000]", kind: "added", after: '"new"' }]);
  });
});

describe("the tree of a state", () => {
  const large = { list: Array.from({ length: 123_456 }, (_, at) => at), small: { a: [true, null] } };

  test("[OB-4] never has more than a hundred rows below one", () => {
    const visit = (path: ReturnType<typeof rootOf>["path"]): number[] => {
      const children = childrenOf(large, path);
      expect(children.length).toBeLessThanOrEqual(childrenMax);
      return children.flatMap((child) =>
        child.kind === "range" || child.kind === "array"
          ? visit(child.path)
          : child.kind === "number"
            ? [Number(child.preview)]
            : [],
      );
    };
    expect(visit(["list"])).toEqual(large.list);
  });

  test("[OB-4] says what each value is", () => {
    expect(rootOf(large)).toMatchObject({ kind: "object", size: 2, path: [] });
    expect(childrenOf(large, ["small"])).toEqual([
      { key: "a", path: ["small", "a"], kind: "array", size: 2, preview: "[true, null]" },
    ]);
    expect(textAt(large, ["small"])).toBe("{a: [true, null]}");
  });

  test("[OB-4] a preview visits no more than it shows", () => {
    let visited = 0;
    const endless = new Proxy([] as unknown[], {
      get: (target, key) => (key === "length" ? 1e9 : (visited++, Reflect.get(target, key) ?? 7)),
    });
    expect(previewOf(endless, 50).length).toBeLessThanOrEqual(51);
    expect(visited).toBeLessThan(100);
  });
});

describe("metrics", () => {
  test("[OB-4] are read from the text of Prometheus, and counters become rates", () => {
    const text = (events: number) =>
      `# HELP x y\npartita_events_total{tenant="a"} ${events}\npartita_fullness{tenant="a",bound="log_bytes",partition="p\\"q"} 0.5\npartita_connections{tenant="a"} 7\n`;
    const samples = samplesOf(text(10));
    expect(samples[1]).toEqual({
      name: "partita_fullness",
      labels: { tenant: "a", bound: "log_bytes", partition: 'p"q' },
      value: 0.5,
    });
    const first = withReading(noSeries, samples, 100);
    const second = withReading(first, samplesOf(text(30)), 110);
    const begunAgain = withReading(second, samplesOf(text(5)), 120);
    expect(begunAgain.lines[0]).toEqual([null, 2, 0]);
    expect(begunAgain.lines[2]).toEqual([7, 7, 7]);
    expect(begunAgain.times).toEqual([100, 110, 120]);
  });
});

test("[OB-4] a filter goes by type, author and text", () => {
  const event = {
    type: "set",
    payload: { target: "Title" },
    partition: "p",
    timestamp: 1,
    clientId: "phone",
    author: "ada",
  };
  const lets = (filter: object) => passes({ type: "", author: "", text: "", ...filter }, { eventId: 1, event });
  expect([lets({}), lets({ type: "se" }), lets({ author: "ad" }), lets({ text: "title" })]).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect([lets({ type: "x" }), lets({ author: "phone" }), lets({ text: "nothing" })]).toEqual([false, false, false]);
});

test("[OB-4] each place of the console has an address", () => {
  expect(routeOf(hashOf("ledger:main", "state", { at: "7" }))).toMatchObject({
    partition: "ledger:main",
    view: "state",
  });
  expect(routeOf(hashOf("ledger:main", "state", { at: "7" })).query.get("at")).toBe("7");
  expect(routeOf("").partition).toBeUndefined();
  expect(routeOf("#/%E0%A4%A/unknown")).toMatchObject({ partition: "%E0%A4%A", view: "log" });
});

test("[OB-4] the first readings are shown in a window of ten minutes, and no longer time is cut", () => {
  expect(rangeOf([], 1_000)).toEqual([400, 1_000]);
  expect(rangeOf([1_000], 2_000)).toEqual([400, 1_000]);
  expect(rangeOf([0, 1_000], 2_000)).toEqual([0, 1_000]);
});
