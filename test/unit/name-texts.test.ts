import { expect, it } from "vitest";
import { nameText } from "../../src/wire/name-texts.ts";

it("[WP-1] the text of a name is its JSON, the first time and each later one, however many there are", () => {
  const names = ['a"b', "back\\slash", "line\n", "ü", "plain", ""];
  for (let round = 0; round < 3; round++) {
    for (const name of names) expect(nameText(name)).toBe(JSON.stringify(name));
    for (let at = 0; at < 1_500; at++) expect(nameText(`n${at}`)).toBe(`"n${at}"`);
  }
});
