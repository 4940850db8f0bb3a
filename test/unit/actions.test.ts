import { describe, expect, it } from "vitest";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TenantStorage } from "../../src/storage/tenant/storage.ts";
import { actionDetailsBytesMax, AdminActions, actionsKeptMax, actionsPageBytesMax } from "../../src/tenant/actions.ts";
import { migrationsIn } from "../support/partition.ts";

const action = { principal: "root", action: "partition.drain", partition: "room", traceId: "f".repeat(32) };
function list() {
  const driver = new NodeSqlDriver();
  const storage = new TenantStorage(driver, migrationsIn("tenant"));
  storage.open(0);
  return { driver, actions: new AdminActions(storage) };
}

describe("the list of what administrators have done", () => {
  it("[OB-4] has each request once, with when and why, the latest first", () => {
    const { actions } = list();
    expect(actions.before(9, 9)).toEqual([]);
    expect(actions.note("a", { ...action, reason: "Größe" }, 5)).toBe(true);
    expect(actions.note("a", action, 6)).toBe(false);
    expect(actions.note("b", { ...action, details: { seconds: 9 } }, 7)).toBe(true);
    expect(actions.before(9, 9)).toEqual([
      { seq: 2, at: 7, ...action, details: { seconds: 9 } },
      { seq: 1, at: 5, ...action, reason: "Größe" },
    ]);
    expect(actions.before(2, 9).map(({ seq }) => seq)).toEqual([1]);
    expect(actions.before(9, 1).map(({ seq }) => seq)).toEqual([2]);
  });

  it("[BD-1] keeps a bounded number, and its numbers show that some were deleted", () => {
    const { driver, actions } = list();
    actions.note("first", action, 1);
    driver.transaction(() => {
      driver.write(
        "INSERT INTO admin_actions (seq, id, entry) VALUES (?, ?, (SELECT entry FROM admin_actions))",
        actionsKeptMax,
        "x",
      );
    });
    actions.note("next", action, 2);
    expect(actions.before(actionsKeptMax * 2, 9).map(({ seq }) => seq)).toEqual([actionsKeptMax + 1, actionsKeptMax]);
  });

  it("[BD-1] is read in pages of bounded bytes, each with one entry at least", () => {
    const { actions } = list();
    for (let at = 1; at <= 40; at++) actions.note(`n-${at}`, { ...action, details: { text: "x".repeat(16_000) } }, at);
    const seen: number[] = [];
    for (let page = actions.before(41, 100); page.length > 0; page = actions.before(seen.at(-1)!, 100)) {
      expect(page.length).toBeLessThan(40);
      expect(JSON.stringify(page).length).toBeLessThan(actionsPageBytesMax + 100);
      seen.push(...page.map(({ seq }) => seq));
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, at) => 40 - at));
  });

  it("[BD-1] leaves out details that are too long, and says how long they are", () => {
    const { actions } = list();
    actions.note("a", { ...action, details: { text: "x".repeat(actionDetailsBytesMax) } }, 1);
    expect(actions.before(9, 1)[0]!.details).toEqual({ leftOutBytes: actionDetailsBytesMax + '{"text":""}'.length });
  });
});
