import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Events } from "../support/events.ts";
import { readLog } from "../support/log.ts";
import { TestServer } from "../support/server.ts";

/** The largest file size, in blocks of 512 bytes: the write-ahead log of one partition reaches it soon. */
const fileBlocksMax = 1_024;
const submitsMax = 2_000;

const folder = mkdtempSync(join(tmpdir(), "partita-full-"));
const server = new TestServer({ folder: join(folder, "data") });

beforeAll(async () => {
  const workerd = createRequire(createRequire(import.meta.url).resolve("miniflare"))("workerd").default as string;
  const limited = join(folder, "workerd");
  // Without the trap a file that is too large would end the process, instead of failing the write.
  writeFileSync(limited, `#!/bin/sh\ntrap '' XFSZ\nulimit -f ${fileBlocksMax}\nexec "${workerd}" "$@"\n`, {
    mode: 0o755,
  });
  process.env["MINIFLARE_WORKERD_PATH"] = limited;
  await server.start();
});
afterAll(async () => {
  delete process.env["MINIFLARE_WORKERD_PATH"];
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("[TX-5] no stream sends an event whose commit fails: every sent event is there after a restart", async () => {
  const partition = "full";
  const at = (path: string) => new URL(`v1/partitions/${partition}/${path}`, server.url);
  const submit = (key: string) =>
    fetch(at("events"), {
      method: "POST",
      headers: { "idempotency-key": key },
      body: JSON.stringify({ type: "set", payload: { target: "n", value: "x".repeat(2_000) } }),
    });
  const readers: Events[] = [];
  let accepted = 0;
  let failed = false;
  for (let count = 0; count < submitsMax && !failed; count++) {
    while (readers.length < 4) readers.push(new Events(await fetch(at(`events/stream?since=${accepted}`))).flow());
    const response = await submit(`k${count}`);
    failed = response.status >= 500;
    const body = await response.text();
    if (!failed) accepted = (JSON.parse(body) as { eventId: number }).eventId;
  }
  expect(failed, "the limit was come to").toBe(true);
  // Messages in transit have time to arrive.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const received = Math.max(...readers.flatMap((events) => events.received.map(({ id }) => Number(id ?? 0))));
  expect(received).toBeGreaterThan(0);
  await Promise.all(readers.map((events) => events.cancel()));

  delete process.env["MINIFLARE_WORKERD_PATH"];
  await server.restart();
  const log = await readLog(server.url, partition);
  console.log(JSON.stringify({ accepted, received, inLog: log.length }));
  expect(log.length).toBeGreaterThanOrEqual(accepted);
  expect(received).toBeLessThanOrEqual(log.length);
});
