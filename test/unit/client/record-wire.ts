// Records the wire of today: what messages look like, and with a name the conversation of this build.
import { createHash } from "node:crypto";
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { converse, LiveServer } from "./released.ts";
import { shapeNow, shapeText, shapeId } from "../../support/wire-shape.ts";

const fixtures = new URL("../../fixtures/", import.meta.url);
const write = (name: string, text: string) => writeFileSync(new URL(`wire/${name}`, fixtures), text);

const shape = shapeNow();
write(`shapes/${shapeId(shape)}.json`, shapeText(shape));
console.log(`test/fixtures/wire/shapes/${shapeId(shape)}.json: if it is new, docs/PROTOCOL.md, 13, needs a row.`);

const [build] = process.argv.slice(2);
if (build) {
  const server = new LiveServer();
  await converse(server);
  write(`${build}.json`, `${JSON.stringify({ build, state: server.state, passed: server.passed }, null, 1)}\n`);
  console.log(`test/fixtures/wire/${build}.json`);
}

// What is new is listed; what is listed is not edited.
const sums = new URL("SHA256SUMS", fixtures);
const listed = readFileSync(sums, "utf8");
for (const folder of ["schemas", "attachments", "wire", "wire/shapes", "models"]) {
  const names = readdirSync(new URL(`${folder}/`, fixtures)).filter((name) => /\.(sql|json)$/.test(name));
  for (const path of names.toSorted().map((name) => `${folder}/${name}`)) {
    const sum = createHash("sha256")
      .update(readFileSync(new URL(path, fixtures)))
      .digest("hex");
    if (!listed.includes(`  ${path}\n`)) appendFileSync(sums, `${sum}  ${path}\n`);
  }
}
process.exit();
