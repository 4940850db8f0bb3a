import { defineCommand } from "citty";
import { partitionPath } from "../../protocol/index.ts";
import { Mistake } from "../mistake.ts";
import { askServer } from "../read-log.ts";
import { serverDescription } from "../server.ts";

/** A day, as the server answers it. */
interface DayOfCosts {
  readonly day: string;
  readonly [figure: string]: string | number;
}

const columns = {
  day: "day",
  billedRequests: "requests",
  gigabyteSeconds: "GB-s",
  rowsRead: "rows read",
  rowsWritten: "rows written",
  storedBytes: "bytes stored",
  events: "events",
} as const;

export const costsCommand = defineCommand({
  meta: {
    name: "costs",
    description: "Prints what a partition has used of what the platform bills, by day, in the units of its price list",
  },
  args: {
    url: { type: "string", description: serverDescription },
    partition: { type: "string", description: "The partition", required: true },
    json: { type: "boolean", description: "As JSON, a day a line, with requests and messages apart" },
    token: { type: "string", description: "A token with the permission admin:metrics; default: PARTITA_TOKEN" },
  },
  async run({ args: { url, partition, json, token } }) {
    const source = { url, token: token ?? process.env["PARTITA_TOKEN"] };
    const { costs } = (await askServer(source, `${partitionPath(partition)}/costs`)) as { costs: DayOfCosts[] };
    if (costs.length === 0) throw new Mistake(`Nothing was reported of the partition ${partition}. Is its name right?`);
    console.log(json ? costs.map((day) => JSON.stringify(day)).join("\n") : tableOf(costs));
  },
});

/** A line a day, in columns. */
export function tableOf(costs: readonly DayOfCosts[]): string {
  const rows = [
    Object.values(columns),
    ...costs.map((cost) => Object.keys(columns).map((name) => cost[name]!.toLocaleString("en"))),
  ];
  const widths = Object.values(columns).map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows.map((row) => row.map((text, at) => text.padStart(widths[at]!)).join("  ")).join("\n");
}
