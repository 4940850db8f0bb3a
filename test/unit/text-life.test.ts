import { ChangeSet, Text } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import { Life } from "../../src/demo/text-life.ts";
import { editOf } from "../../src/models/text/index.ts";

describe("the life of a text in the demo", () => {
  it("[MD-9] knows who has written each character, and the text at each time", () => {
    const life = new Life();
    life.begin("..");
    const moments = [life.at(0)];
    let length = 2;
    const change = (author: string, from: number, to: number, insert: string) => {
      const changes = ChangeSet.of({ from, to, insert: Text.of(insert.split("\n")) }, length);
      length = changes.newLength;
      life.add({ eventId: moments.length, author, timestamp: 0, edit: editOf("d", changes) });
      moments.push(life.at(moments.length));
    };
    change("ada", 1, 1, "aaa");
    change("bob", 2, 3, "b\nb");
    change("ada", 0, 2, "");
    expect(life.at(3)).toEqual({ text: "b\nba.", by: "\u0002\u0002\u0002\u0001\0" });
    // Beyond the texts that are kept.
    for (let at = 0; at < 200; at++) change(at % 2 ? "ada" : "bob", length, length, String(at % 10));
    expect(moments.map((_, at) => life.at(at))).toEqual(moments);
    expect(life.at(203).by.slice(5)).toBe("\u0002\u0001".repeat(100));
    expect(life.authors).toEqual(["ada", "bob"]);
  });
});
