import { defineCommand } from "citty";
import { checkModel, type ModelCheck } from "../check-model.ts";
import { Mistake } from "../mistake.ts";
import { printable } from "../printable.ts";
import { modelIn } from "../model-in.ts";
import { logIn, logOf } from "../read-log.ts";

export const checkModelCommand = defineCommand({
  meta: {
    name: "check-model",
    description: "Folds a real log with a model before it is deployed, and says what would be quarantined, or differ",
  },
  args: {
    file: { type: "positional", description: "The module of the model that is to come", required: true },
    export: { type: "string", description: "The name of its export; default: the only model in the module" },
    from: {
      type: "string",
      description: "What partita export has written, or the address of a server",
      required: true,
    },
    partition: { type: "string", description: "At a server: the partition" },
    token: { type: "string", description: "At a server: a token with the permission read; default: PARTITA_TOKEN" },
    old: { type: "string", description: "The module of the model that has written the log: states are compared" },
  },
  async run({ args }) {
    const next = await modelIn(args.file, args.export);
    const before = args.old === undefined ? undefined : await modelIn(args.old, args.export);
    const check = await checkModel(sourceOf(args), next, before);
    for (const line of linesOf(check, next, before)) console.log(printable(line));
    if (check.events === 0) throw new Mistake("There is nothing to check: the log has no events.");
    if (check.quarantined || check.same === false || check.unfit.size > 0)
      throw new Mistake("This model must not be deployed as it is.");
  },
});

function sourceOf({
  from,
  partition,
  token,
}: {
  from: string;
  partition?: string | undefined;
  token?: string | undefined;
}) {
  if (!/^https?:\/\//.test(from)) return logIn(from);
  if (partition === undefined) throw new Mistake("--from is the address of a server: name the --partition, too.", 2);
  return logOf({ url: from, partition, token: token ?? process.env["PARTITA_TOKEN"] });
}

interface Named {
  readonly name: string;
  readonly version: number;
}

/** Events from which on a duration says what one event takes: of the first hundreds most is the start of the program. */
const measuredEventsMin = 1_000;

/** What was found, in words. */
export function linesOf(check: ModelCheck, next: Named, before: Named | undefined): string[] {
  const { events, upcast, quarantined, unfit, same, differsWithin, sha256, foldMs } = check;
  const lines = [`${next.name} version ${next.version}: ${events} events`];
  for (const [name, count] of upcast) lines.push(`upcast: ${name}, ${count} events`);
  for (const [type, { count, examples }] of unfit)
    lines.push(`DOES NOT FIT: ${count} events of ${type}; ${examples.join("; ")}`);
  if (quarantined) lines.push(`QUARANTINED at event ${quarantined.eventId} (${quarantined.type}): ${quarantined.why}`);
  if (same === true) lines.push("the same version, and the same state");
  if (differsWithin)
    lines.push(
      `DIFFERS: the version is the same, and the state is not, from one of the events ${differsWithin.from} to ${differsWithin.to} on. Give the model a new version`,
    );
  if (before && before.version !== next.version)
    lines.push(`version ${before.version} before, ${next.version} now: each partition folds its log again`);
  if (sha256 !== undefined) lines.push(`state: sha256 ${sha256}`);
  if (events > 0 && !quarantined) lines.push(foldingOf(events, foldMs));
  return lines;
}

/** What folding has taken, and what it takes of a large log, where enough was folded to say that. */
function foldingOf(events: number, foldMs: number): string {
  const took = `folding took ${Math.round(foldMs)} ms here`;
  if (events < measuredEventsMin) return `${took}: too few events to say what a large log takes`;
  const micros = Math.max(1, Math.round((foldMs * 1_000) / events));
  return `${took}, ${micros} µs an event: a partition of 100,000 events needs about ${((foldMs * 100) / events).toFixed(1)} s of CPU`;
}
