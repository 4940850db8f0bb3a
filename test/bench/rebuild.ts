// `npm run rebuild`: a log of a million events under a new version of the model, killed in the middle. Prints how long it takes to answer, and the longest turn.
import { parseArgs } from "node:util";
import { readState } from "../support/log.ts";
import { lastValue, watch, writeOldPartition, type Watched } from "../support/rebuild.ts";
import { temporaryFolder, TestServer } from "../support/server.ts";
import { rmSync } from "node:fs";

const { values } = parseArgs({ options: { events: { type: "string", default: "1000000" } } });
const count = Number(values.events);
const partition = "million";
const folder = temporaryFolder("partita-rebuild-");
const server = new TestServer({ folder });
const ms = (time: number) => `${Math.round(time)} ms`;
const print = (what: string, { firstAnswerMs, longestReadMs, totalMs, positions }: Watched) => {
  const turn = longestReadMs > 0 ? `, longest small read ${ms(longestReadMs)}` : "";
  console.log(
    `${what}: first answer after ${ms(firstAnswerMs)}${turn}, ${ms(totalMs)}, from event ${positions[0] ?? count} to ${positions.at(-1) ?? count}`,
  );
};

try {
  writeOldPartition(folder, partition, count);
  console.log(`${count} events of about 300 bytes; the newest snapshot is of another version of the model`);
  await server.start();
  const before = await watch(server, partition, (eventId) => eventId > count / 2);
  print("Until the kill", before);
  await server.restart();
  const after = await watch(server, partition);
  print("After it", after);
  const lost = before.positions.at(-1)! - after.positions[0]!;
  console.log(`Folded again after the kill: ${lost} events`);
  await server.restart();
  print("Restarted once more", await watch(server, partition));
  const { state, eventIndex } = await readState(server.url, partition);
  const [key, value] = lastValue(count);
  const right = eventIndex === count && String((state as Record<string, unknown>)[key]).startsWith(value);
  console.log(right ? "The state is right." : "THE STATE IS WRONG.");
  process.exitCode = right ? 0 : 1;
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
