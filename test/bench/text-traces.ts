// `npm run text-traces`: replays what people have really typed, by bare change sets, over the core, and by two clients.
import "../support/sql-modules.ts";
import { Text } from "@codemirror/state";
import { replayOverCore } from "../support/text-replay.ts";
import { mappedOver, readTrace, replayTrace, tracesPresent } from "../support/text-traces.ts";

// After the SQL can be loaded.
const { replayByClients } = await import("../support/merging-replay.ts");

if (!tracesPresent) {
  console.error("The traces are not there: friendsforever.json.gz and sveltecomponent.json.gz in ../shared/data.");
  process.exit(1);
}
for (const name of ["friendsforever", "sveltecomponent"] as const) {
  const trace = readTrace(name);
  const count = trace.txns.length;
  let text = Text.empty;
  const begin = performance.now();
  replayTrace(trace, ({ changes, unknown, agent }) => {
    const mapped = mappedOver(changes, unknown, agent);
    text = mapped.apply(text);
    return mapped;
  });
  const bareMs = performance.now() - begin;
  const from = performance.now();
  const replayed = replayOverCore(trace);
  const coreMs = performance.now() - from;
  const same = [text.toString(), replayed.text, replayed.subscriber].every((end) => end === trace.endContent);
  const rate = (ms: number) => `${Math.round((count / ms) * 1_000).toLocaleString("en")} edits/s`;
  const each = (characters: number) => Math.round(characters / count);
  console.log(`${name}: ${count} transactions
  bare change sets, the server and a subscriber end with the text of the authors: ${same ? "yes" : "NO"}
  made on a text that was not the newest: ${replayed.behind}; mapped by the server: ${replayed.transformed}
  committed otherwise than by bare change sets: ${replayed.different}
  bare change sets: ${rate(bareMs)}; the core with SQLite, its writer and a subscriber that folds: ${rate(coreMs)}
  bytes an edit: ${each(replayed.sent)} sent, ${each(replayed.answered)} answered, ${each(replayed.broadcast)} to a subscriber`);
  if (!same || replayed.different > 0) process.exitCode = 1;
  const start = performance.now();
  const { texts, transformed, early, pendingMax } = await replayByClients(trace);
  const clientsMs = performance.now() - start;
  const isSame = texts.every((end) => end === trace.endContent);
  console.log(`  by clients, the server, both of them and one that comes later end with the text of the authors: ${isSame ? "yes" : "NO"}
  drafts mapped by the server: ${transformed}; at most ${pendingMax} pending; ${rate(clientsMs)}, ${(clientsMs / 1_000).toFixed(1)} s
  typed when the client had events that its author had not seen, so that drafts before could be sent: ${early}`);
  if (!isSame) process.exitCode = 1;
}
