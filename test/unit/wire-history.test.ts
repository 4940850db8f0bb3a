import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { migrationsIn } from "../support/partition.ts";
import { schemasOf } from "../support/schemas.ts";
import { shapeId, shapeNow, type WireShape } from "../support/wire-shape.ts";

const fixtures = new URL("../fixtures/", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, fixtures), "utf8");

/** The rows of docs/PROTOCOL.md, 13: the oldest one is the floor. */
const history = [
  ...read("../../docs/PROTOCOL.md").matchAll(/^\| (\d{4}-\d\d-\d\d) \| `([0-9a-f]{12})` \| (.+) \|$/gm),
].map(([, since, shape, what]) => ({ since: since!, shape: shape!, what: what! }));

const shapeOf = (id: string) => JSON.parse(read(`wire/shapes/${id}.json`)) as WireShape;

/** A member that may be absent, or one of a message that is new. */
const isOptional = (line: string, before: ReadonlySet<string>) => {
  const [path = ""] = line.split(": ");
  return path.includes("?") || !before.has(messageOf(line));
};
const messageOf = (line: string) => /^[^.[:]+/.exec(line)![0];

/** Members with one of a list of words, to which later versions may add: docs/PROTOCOL.md says so, and clients expect it. */
const openLists = new Set(["Problem.rateLimit?.policy"]);

/** Whether the line is there in full, or with more words where the list is an open one. */
const isKept = (line: string, lines: readonly string[]) => {
  if (lines.includes(line)) return true;
  const [path = "", words = ""] = line.split(": ");
  const later = openLists.has(path) ? lines.find((other) => other.startsWith(`${path}: `)) : undefined;
  const laterWords = new Set(later?.slice(path.length + 2).split(" | "));
  return words.split(" | ").every((word) => laterWords.has(word));
};

describe("the history of the wire", () => {
  it("[WP-1] [LC-5] has a row for the wire as it is", () => {
    expect(history.at(-1)?.shape, "docs/PROTOCOL.md, 13, needs a row: npm run record-wire").toBe(shapeId(shapeNow()));
    for (const { shape } of history) expect(shapeId(shapeOf(shape))).toBe(shape);
    expect(history.map(({ since }) => since)).toEqual(history.map(({ since }) => since).toSorted());
  });

  it.each(history.slice(1).map(({ shape }, at) => ({ shape, before: history[at]!.shape })))(
    "[LC-5] $shape has everything that was there before, and asks nothing more",
    ({ shape, before }) => {
      const [now, then] = [shapeOf(shape), shapeOf(before)];
      const gone = (["clients", "servers", "errors"] as const).flatMap((side) =>
        then[side].filter((line) => !isKept(line, now[side])),
      );
      expect(gone).toEqual([]);
      const messages = new Set(then.clients.map(messageOf));
      const needed = now.clients.filter((line) => !then.clients.includes(line) && !isOptional(line, messages));
      expect(needed).toEqual([]);
    },
  );
});

describe("what earlier builds have written", () => {
  it("[LC-3] [LC-5] is not edited", () => {
    const listed = read("SHA256SUMS")
      .trim()
      .split("\n")
      .map((line) => line.split("  ") as [string, string]);
    const pinned = ["schemas", "attachments", "wire", "wire/shapes", "models"].flatMap((folder) =>
      readdirSync(new URL(`${folder}/`, fixtures))
        .filter((name) => /\.(sql|json)$/.test(name))
        .map((name) => `${folder}/${name}`),
    );
    expect(pinned.toSorted(), "npm run record-wire lists what is new").toEqual(
      listed.map(([, path]) => path).toSorted(),
    );
    for (const [sum, path] of listed)
      expect(createHash("sha256").update(read(path)).digest("hex"), `${path} is not edited`).toBe(sum);
  });

  it.each([
    ["partition", "."],
    ["tenant", "tenant"],
    ["courier", "courier"],
    ["directory", "directory"],
  ] as const)("[LC-3] has a database of each schema of a %s before the present one", (database, folder) => {
    expect(schemasOf(database)).toHaveLength(migrationsIn(folder).length - 1);
  });
});
