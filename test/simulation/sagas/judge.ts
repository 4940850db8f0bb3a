import type { JsonObject } from "../../../src/protocol/index.ts";
import type { Node } from "../effects/node.ts";
import type { Trace } from "../trace.ts";
import { startAmount } from "./model.ts";

/** An event of a log. */
export interface Logged {
  readonly type: string;
  readonly payload: JsonObject;
}

/** The events of a node, in order. */
export function logOf(node: Node): Logged[] {
  if (node.disk.query("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").length === 0) return [];
  return node.disk.query("SELECT type, payload FROM events ORDER BY event_id").map((row) => ({
    type: String(row["type"]),
    payload: JSON.parse(new TextDecoder().decode(row["payload"] as Uint8Array)) as JsonObject,
  }));
}

/** What an event does to the amount of its house. */
const signs: Readonly<Record<string, number>> = { take: -1, refund: 1, give: 1 };
/** What each house has done of a saga, in order. */
const complete: Readonly<Record<string, string>> = { from: "take", by: "stamp", to: "give" };
const undone: readonly Readonly<Record<string, string>>[] = [
  {},
  { from: "take refund" },
  { from: "take refund", by: "stamp unstamp" },
];

/**
 * Judges by the logs alone, once all is quiet: each saga is done everywhere, or undone everywhere, last step first; and what
 * all houses have together is what they had.
 */
export function judge(nodes: readonly Node[], trace: Trace): void {
  const logs = new Map(nodes.map((node) => [node.name, logOf(node)]));
  const amounts = new Map(nodes.map(({ name }) => [name, startAmount]));
  for (const [name, log] of logs) {
    for (const { type, payload } of log) {
      const by = signs[type] ?? 0;
      amounts.set(name, amounts.get(name)! + by * Number(payload["amount"] ?? 0));
    }
    trace.check(amounts.get(name)! >= 0, () => `${name} has ${amounts.get(name)}`);
  }
  for (const [name, log] of logs) {
    for (const { type, payload } of log) {
      if (type === "move.start") judgeSaga(name, String(payload["saga"]), payload["input"] as JsonObject, logs, trace);
    }
  }
  const sum = [...amounts.values()].reduce((one, other) => one + other, 0);
  trace.check(sum === nodes.length * startAmount, () => `all houses together have ${sum}`);
}

function judgeSaga(
  origin: string,
  saga: string,
  input: JsonObject,
  logs: ReadonlyMap<string, readonly Logged[]>,
  trace: Trace,
): void {
  const done: Record<string, string> = {};
  for (const role of ["from", "by", "to"]) {
    const here = logs.get(String(input[role]))!.filter(({ payload }) => payload["saga"] === saga);
    const steps = here.filter(({ type }) => !type.startsWith("move.")).map(({ type }) => type);
    if (steps.length > 0) done[role] = steps.join(" ");
  }
  const text = JSON.stringify(done);
  const fits = [complete, ...undone].some((one) => JSON.stringify(one) === text);
  trace.check(fits, () => `${origin}: ${saga} is neither done nor undone: ${text}`);
  // Which house has accepted something last, by the answers: the way back begins at the end.
  const answers = logs
    .get(origin)!
    .filter(({ type, payload }) => type === "move.accepted" && (payload["about"] as JsonObject)["saga"] === saga)
    .map(({ payload }) => String(payload["partition"]));
  if (done["by"] === "stamp unstamp") {
    const [unstamped, refunded] = [input["by"], input["from"]].map((house) => answers.lastIndexOf(String(house)));
    trace.check(unstamped! < refunded!, () => `${origin}: ${saga} is undone forwards: ${answers.join()}`);
  }
}
