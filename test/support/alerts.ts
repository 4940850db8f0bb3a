// The alert rules of docs/alerts, judged by Prometheus's own tool.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const tool = process.env["PROMTOOL"] ?? "/usr/local/bin/promtool";

/** Whether the tool is installed. */
export const promtoolPresent = existsSync(tool);

/** The file of the rules. */
export const rulesFile = fileURLToPath(new URL("../../docs/alerts/partita.rules.yml", import.meta.url));

/** An alert that fires, with its labels. */
interface Firing {
  alertname: string;
  partition?: string;
  bound?: string;
}

/**
 * The alerts that fire `atMinute`, by name. `scrapes`: what `GET /metrics` has answered each minute from 0 on.
 *
 * @throws Error where the tool cannot judge them.
 */
export function firing(scrapes: readonly string[], atMinute: number): Firing[] {
  const folder = mkdtempSync(join(tmpdir(), "partita-alerts-"));
  const file = join(folder, "test.json");
  const test = {
    rule_files: [rulesFile],
    evaluation_interval: "1m",
    tests: [
      {
        interval: "1m",
        input_series: seriesOf(scrapes),
        promql_expr_test: [
          {
            expr: 'group by (alertname, partition, bound) (ALERTS{alertstate="firing"})',
            eval_time: `${atMinute}m`,
            exp_samples: [],
          },
        ],
      },
    ],
  };
  writeFileSync(file, JSON.stringify(test));
  try {
    execFileSync(tool, ["test", "rules", file], { encoding: "utf8", stdio: "pipe" });
    return [];
  } catch (error) {
    // What it has got instead of nothing is what fires.
    const text = Object.values(error as { stdout?: string; stderr?: string }).join("\n");
    const [, got] = /exp: nil\s+got: (.+)/.exec(text) ?? [];
    if (got === undefined) throw new Error(`the rules could not be judged: ${text}`, { cause: error });
    return [...got.matchAll(/\{([^}]*)\}/g)]
      .map(([, labels]) =>
        Object.fromEntries([...labels!.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, of]) => [name, of])),
      )
      .map((labels) => labels as unknown as Firing)
      .toSorted((a, b) => (a.alertname < b.alertname ? -1 : 1));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The series of scrapes, as the tool reads them: `_` where there is none. */
function seriesOf(texts: readonly string[]): { series: string; values: string }[] {
  const series = new Map<string, string[]>();
  for (const [at, text] of texts.entries()) {
    for (const [name, value] of samplesIn(text)) {
      const values = series.get(name) ?? Array.from({ length: texts.length }, () => "_");
      values[at] = String(value);
      series.set(name, values);
    }
  }
  return [...series].map(([name, values]) => ({ series: name, values: values.join(" ") }));
}

/** The samples of a scrape, by their names with labels. */
export function samplesIn(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const cut = line.lastIndexOf(" ");
      return [line.slice(0, cut), Number(line.slice(cut + 1))];
    }),
  );
}
