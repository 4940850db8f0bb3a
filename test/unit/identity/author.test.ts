import { describe, expect, it } from "vitest";
import type { Subject } from "../../../src/identity/verify.ts";
import { allows } from "../../../src/protocol/index.ts";
import { authorOfSubject } from "../../../src/shell/author.ts";

const subject: Subject = {
  principal: "alice",
  tenant: "default",
  partitions: ["*"],
  permissions: ["read"],
  roles: ["editor"],
  expiresAt: 1_800_000_000_000,
  issuedAt: 1_700_000_000,
  jti: "t",
};
const names = (count: number, length: number, unit = "x") =>
  Array.from({ length: count }, (_, at) => `submit:${at}-`.padEnd(length, unit));

describe("what a token allows", () => {
  it("[AU-3] is its permissions and those of its roles, each once", () => {
    const author = authorOfSubject(subject, { editor: ["read", "submit:*"], admin: ["admin:*"] });
    expect(author).toEqual({
      principal: "alice",
      permissions: ["read", "submit:*"],
      expiresAt: 1_800_000_000_000,
      issuedAt: 1_700_000_000,
      tokenId: "t",
    });
  });

  it.each([
    ["*", ["read", "submit:book", "init"], ["admin:read", "admin:inspect", "admin:sagas", "admin:"]],
    ["a*", ["add"], ["admin:inspect", "read"]],
    ["admin*", ["administer"], ["admin:inspect"]],
    ["admin:*", ["admin:inspect", "admin:sagas"], ["read", "admin"]],
    ["admin:re*", ["admin:read", "admin:revoke"], ["admin:inspect"]],
    ["admin:inspect", ["admin:inspect"], ["admin:inspect:more", "admin:*"]],
  ])(
    "[AU-3] is by %s what begins with it, and of what administrators do only what is named as that",
    (held, some, none) => {
      for (const action of some) expect(allows([held], action)).toBe(true);
      for (const action of none) expect(allows([held], action)).toBe(false);
      for (const action of [...some, ...none]) expect(allows("all", action)).toBe(true);
    },
  );

  it("[AU-3] [WP-9] has to fit into what is kept of a connection over hibernation", () => {
    expect(authorOfSubject(subject, { editor: names(200, 50) })).toMatchObject({ principal: "alice" });
    expect(authorOfSubject(subject, { editor: names(200, 60) })).toMatchObject({ code: "forbidden" });
    // Wide characters take twice the room.
    expect(authorOfSubject(subject, { editor: names(200, 50, "漢") })).toMatchObject({ code: "forbidden" });
  });
});
