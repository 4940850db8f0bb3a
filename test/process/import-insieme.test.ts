// The log of a server of the package `insieme`, imported from its database; then its clients go on here as they are.
import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { createReducer } from "insieme/client";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Device, note } from "../insieme/device.ts";
import { disks } from "../insieme/disks.ts";
import { fresh } from "../insieme/lab.ts";
import { nodeLab } from "../insieme/node-lab.ts";
import { OurServer } from "../insieme/our-server.ts";
import { Raw } from "../insieme/raw.ts";
import { TheirServer } from "../insieme/their-server.ts";
import { importInsieme, type InsiemeImport } from "../../src/cli/import-insieme/run.ts";
import { FileError } from "../../src/cli/import-insieme/their-file.ts";
import { ServerError } from "../../src/cli/import/send.ts";
import { temporaryFolder } from "../support/server.ts";

const clientId = "import";
/** More events than a request takes. */
const events = 700;
const timeoutMs = 60_000;

let ours: OurServer;
let theirs: TheirServer;
let file: string;

beforeAll(async () => {
  ours = await OurServer.start();
});
afterAll(() => ours?.stop());
beforeEach(async () => {
  file = join(temporaryFolder("partita-import-"), "server.db");
  theirs = await TheirServer.start(file);
});
afterEach(() => theirs.stop());

const labFor = (server: OurServer | TheirServer) => nodeLab(server, disks.SQLite);

/** Events of one project, by one client. `more` replaces fields of the event of this number. */
async function fill(projectId: string, count: number, more: (at: number) => object = () => ({})): Promise<void> {
  const raw = await Raw.connected(labFor(theirs), projectId, fresh("client"));
  for (let at = 0; at < count; at += 50) {
    const items = Array.from({ length: Math.min(50, count - at) }, (_, offset) => {
      const number = at + offset;
      const label = ["notes", "comments", "ü/β"][number % 3]!;
      return raw.event(`${projectId}.${number}`, { partition: label, userId: "ann", ...more(number) });
    });
    const results = await raw.submit(...items);
    expect(results.filter(({ status }) => status !== "committed")).toEqual([]);
  }
  raw.close();
}

async function run(projectId: string, more: Partial<InsiemeImport> = {}) {
  return await importInsieme({
    file,
    project: projectId,
    url: ours.server.url,
    token: await ours.token({ clientId, projectId }, ["read", "admin:import"]),
    clientId,
    views: undefined,
    adjust: false,
    dryRun: false,
    onProgress: () => {},
    ...more,
  });
}

test(
  "[EC-11] the whole log arrives with its ids, order and times, and folds to the same; clients go on by another address",
  async () => {
    const projectId = fresh("project");
    await fill(projectId, events);
    const device = await Device.synced({ lab: labFor(theirs), projectId });
    await device.submit(note("notes", "mine", 1));
    const before = await device.committed(events + 1);
    const { disk } = device;
    // What it submits while its server is stopped waits in its store.
    await device.client.stop();
    const waiting = await device.submit(note("notes", "waiting", 2));
    await device.tap.die();

    const { projects, misfits } = await run(projectId);
    expect(misfits).toEqual([]);
    expect(projects).toEqual([
      {
        projectId,
        events: events + 1,
        last: events + 1,
        numbers: 0,
        times: 0,
        proof: { events: events + 1, states: 3, differences: [] },
      },
    ]);

    const again = await Device.synced({ lab: labFor(ours), projectId, disk, clientId: device.clientId });
    const after = await again.committed(events + 2);
    expect(after.slice(0, -1)).toEqual(before);
    expect(after.at(-1)).toMatchObject({ id: waiting, committedId: events + 2 });
    const later = await Device.synced({ lab: labFor(ours), projectId });
    expect(
      (await later.committed(events + 2)).map(({ committedId, id, serverTs }) => [committedId, id, serverTs]),
    ).toEqual(after.map(({ committedId, id, serverTs }) => [committedId, id, serverTs]));
    expect(await later.view("notes")).toEqual(await again.view("notes"));
    // Its ids are used: a retry of an imported event is that event.
    const raw = await Raw.connected(labFor(ours), projectId, fresh("client"));
    const [first] = await raw.submit(raw.event(`${projectId}.0`, { partition: "notes", userId: "ann" }));
    expect(first).toMatchObject({ status: "committed", committedId: 1, serverTs: before[0]!.serverTs });
    raw.close();
    await Promise.all([again.close(), later.close()]);
  },
  timeoutMs,
);

test(
  "[EC-11] a second run imports what has come since; a differing log is found",
  async () => {
    const projectId = fresh("project");
    await fill(projectId, 10);
    const views = [
      {
        name: "keys",
        initialState: () => ({}),
        reduce: createReducer({
          schemaHandlers: {
            "note.set": ({
              state,
              payload,
            }: {
              state: Record<string, number>;
              payload: { key: string; value: number };
            }) => {
              state[payload.key] = payload.value;
            },
          },
        }),
      },
    ];
    expect((await run(projectId, { views })).projects[0]!.proof).toEqual({ events: 10, states: 3, differences: [] });
    const raw = await Raw.connected(labFor(theirs), projectId, fresh("client"));
    await raw.submit(raw.event(`${projectId}.more`));
    raw.close();
    expect((await run(projectId, { views })).projects[0]!.proof).toEqual({ events: 11, states: 3, differences: [] });

    // Somebody writes there before the last import.
    const early = await Raw.connected(labFor(ours), projectId, fresh("client"));
    await early.submit(early.event(`${projectId}.early`, { payload: { key: "early", value: 5 } }));
    early.close();
    const proof = (await run(projectId, { views })).projects[0]!.proof!;
    expect(proof.differences).toEqual([
      "event 12 is not in the file",
      expect.stringMatching(/^the view keys of notes: the file folds to .*, the log here to .*"early":5/),
    ]);
  },
  timeoutMs,
);

test(
  "[EC-11] what does not fit is listed, and nothing is imported; numbers and times can be adjusted",
  async () => {
    const [projectId, other] = [fresh("project"), fresh("project")];
    await fill(projectId, 3);
    await fill(other, 1);
    await fill(projectId, 4, (at) => (at < 3 ? {} : { id: "an id with\na line break", type: "t".repeat(129) }));
    await theirs.stop();
    const database = new DatabaseSync(file);
    database.exec("UPDATE committed_events SET server_ts = server_ts - 1000000 WHERE committed_id = 2");
    database.close();
    theirs = await TheirServer.start(file);
    const { projects, misfits } = await run(projectId);
    expect(misfits).toEqual([
      { projectId, committedId: 2, why: expect.stringMatching(/^its time \d+ is before that of the event before it$/) },
      { projectId, committedId: 5, why: "it is the 4. event of its project, and a log here has no gap" },
      { projectId, committedId: 5, why: "its id is not 1 to 128 characters without control characters" },
      { projectId, committedId: 5, why: "its type does not have 1 to 128 characters" },
    ]);
    expect(projects[0]!.proof).toBeUndefined();
    const reader = await Raw.connected(labFor(ours), projectId, fresh("client"));
    expect((await reader.page(0)).events).toEqual([]);
    reader.close();

    // Of the other project only the number differs.
    expect((await run(other)).misfits).toHaveLength(1);
    const adjusted = await run(other, { adjust: true });
    expect(adjusted.projects[0]).toMatchObject({ numbers: 1, times: 0, proof: { events: 1, differences: [] } });
  },
  timeoutMs,
);

test(
  "[EC-11] an event that the model refuses ends the import there: its reason is named, and it can come later",
  async () => {
    const projectId = fresh("project");
    await fill(projectId, 5);
    await theirs.stop();
    const database = new DatabaseSync(file);
    database.exec('UPDATE committed_events SET payload = CAST(\'{"key":""}\' AS BLOB) WHERE committed_id = 4');
    database.close();
    theirs = await TheirServer.start(file);
    const refused = await run(projectId);
    expect(refused.misfits).toEqual([
      { projectId, committedId: 4, why: expect.stringContaining("payload.key: a key is missing") },
    ]);
    expect(refused.projects[0]!.proof).toBeUndefined();
    await theirs.stop();
    const fixed = new DatabaseSync(file);
    fixed.exec('UPDATE committed_events SET payload = CAST(\'{"key":"k"}\' AS BLOB) WHERE committed_id = 4');
    fixed.close();
    theirs = await TheirServer.start(file);
    expect((await run(projectId)).projects[0]!.proof).toEqual({ events: 5, states: 3, differences: [] });
  },
  timeoutMs,
);

test(
  "[EC-11] a file that is none, and a token without the permission, are refused",
  async () => {
    const projectId = fresh("project");
    await fill(projectId, 1);
    await expect(run("another")).rejects.toThrow(FileError);
    await expect(run(projectId, { file: `${file}.absent` })).rejects.toThrow(FileError);
    expect(existsSync(`${file}.absent`)).toBe(false);
    const token = await ours.token({ clientId, projectId });
    await expect(run(projectId, { token })).rejects.toThrow('This needs the permission "admin:import"');
    await expect(run(projectId, { token: "none" })).rejects.toThrow(ServerError);
  },
  timeoutMs,
);

test(
  "[EC-11] an export of this server arrives in another partition with its ids, order and times, and in the same state",
  async () => {
    const projectId = fresh("project");
    const raw = await Raw.connected(labFor(ours), projectId, fresh("client"));
    await raw.submit(...Array.from({ length: 40 }, (_, at) => raw.event(`${projectId}.${at}`, { userId: "ann" })));
    raw.close();
    const own = await ours.token({ clientId: "own", projectId }, ["read", "submit:*"]);
    const submitted = await fetch(new URL(`v1/partitions/${projectId}/events`, ours.server.url), {
      method: "POST",
      headers: { authorization: `Bearer ${own}`, "content-type": "application/json", "idempotency-key": "own-1" },
      body: JSON.stringify({ type: "note.set", payload: { key: "ü", value: 1 } }),
    });
    expect(submitted.status).toBe(201);

    const out = join(temporaryFolder("partita-export-"), "log.ndjson");
    const url = ["--url", ours.server.url.href];
    const exported = await partita(["export", ...url, "--partition", projectId, "--token", own, "--out", out]);
    expect(exported.code).toBe(0);
    const [log, state] = exported.stdout.match(/[0-9a-f]{64}/g)!;

    const copy = fresh("copy");
    const token = await ours.token({ clientId: "import", projectId: copy }, ["read", "admin:import"]);
    const into = ["import", out, ...url, "--partition", copy, "--token", token];
    const dry = await partita([...into, "--dry-run"]);
    expect(dry).toMatchObject({ code: 0, stdout: "41 events, not imported.\n" });
    for (let run = 0; run < 2; run++) {
      const imported = await partita([...into, "--state", state!]);
      expect(imported).toMatchObject({ code: 0, stderr: "" });
      expect(imported.stdout.match(/[0-9a-f]{64}/g)).toEqual([log, state]);
    }
    const other = await partita([...into, "--state", log!]);
    expect(other).toMatchObject({ code: 1, stderr: `It differs from ${log}.\n` });
    // Clients of Insieme know the events by their ids; the other one has the name that it had for them.
    const reader = await Raw.connected(labFor(ours), copy, fresh("client"));
    const { events: read } = await reader.page(0, 100);
    const ids = Array.from({ length: 40 }, (_, at) => `${projectId}.${at}`);
    expect(read.map(({ id }: { id: string }) => id)).toEqual([...ids, "evt-41"]);
    reader.close();

    // Another log, and another file.
    const lines = readFileSync(out, "utf8").trimEnd().split("\n");
    writeFileSync(
      out,
      `${[...lines.slice(0, 2), lines[2]!.replace('"timestamp":1', '"timestamp":9'), ...lines.slice(4)].join("\n")}\n`,
    );
    const unfit = await partita(into);
    expect(unfit.code).toBe(1);
    expect(unfit.stderr).toMatch(/event 3: its time \d+ is later than now\n.*event 5: it follows event 3 in the file/s);
    writeFileSync(out, `${[lines[0], lines[1]!.replace(/"draftId":"[^"]*"/, '"draftId":"other"')].join("\n")}\n`);
    expect((await partita(into)).stderr).toMatch(/does not fit: event 2: .* has another event there/);

    // A token that may read there, and not import.
    writeFileSync(out, `${lines.join("\n")}\n`);
    const empty = fresh("copy");
    const reading = await ours.token({ clientId: "reader", projectId: empty }, ["read", "submit:*"]);
    expect(await partita(["import", out, ...url, "--partition", empty, "--token", reading])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("admin:import"),
    });
  },
  timeoutMs,
);

/** Runs the command line program. */
function partita(parameters: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const program = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", program, ...parameters],
      (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}
