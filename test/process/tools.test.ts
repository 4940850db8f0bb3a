import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { freePort } from "../support/processes.ts";
import { temporaryFolder, TestServer } from "../support/server.ts";

const tools = {
  start: "src/tools/start.ts",
  import: "src/tools/import.ts",
  token: "src/tools/token.ts",
  simulate: "src/tools/simulate.ts",
  "deploy:dry": "src/tools/build-worker.ts",
  package: "src/tools/build-package.ts",
  consumers: "test/consumers/run.ts",
  bench: "test/bench/run.ts",
  compare: "test/bench/compare.ts",
  "bench-insieme": "test/bench/insieme.ts",
};

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a tool with no settings in its environment but these. */
function run(script: string, parameters: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const settings = /^(PARTITA_|PORT$|PERSIST$)/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !settings.test(name)));
  const nodeParameters = ["--disable-warning=ExperimentalWarning", join(projectFolder, script), ...parameters];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, nodeParameters, { env: { ...env, ...environment } }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

test.each(Object.entries(tools))('[ER-4] the tool "%s" explains itself with --help', async (_, script) => {
  for (const option of ["--help", "-h"]) {
    const { code, stdout, stderr } = await run(script, [option]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^usage: /);
  }
});

test.each(Object.entries(tools))(
  '[ER-4] the tool "%s" refuses an option that it does not have in one line',
  async (_, script) => {
    expect(await run(script, ["--speed", "9"])).toEqual({
      code: 2,
      stdout: "",
      stderr: "Unknown option '--speed'. See --help.\n",
    });
  },
);

test("[ER-4] npm run token says in one line what it needs", async () => {
  const secret = { PARTITA_JWT_SECRET: "a secret of at least 32 bytes, for this test" };
  const settings = { ...secret, PARTITA_JWT_ISSUER: "https://issuer.example", PARTITA_JWT_AUDIENCE: "partita" };
  const commands: [string[], Record<string, string>, RegExp][] = [
    [[], settings, /^Name the subject: --sub alice$/],
    [["--sub"], settings, /^Option '--sub <value>' argument missing\. See --help\.$/],
    [["--sub", "timer:hold"], settings, /^"timer:hold" cannot be the subject of a token/],
    [["--sub", "alice", "--hours", "25"], settings, /^--hours must be more than 0/],
    [["--sub", "alice"], {}, /PARTITA_JWT_SECRET/],
  ];
  for (const [parameters, environment, said] of commands) {
    const { code, stdout, stderr } = await run(tools.token, parameters, environment);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr.trimEnd()).toMatch(said);
    expect(stderr.trimEnd()).not.toContain("\n");
  }
  expect(await run(tools.token, ["--sub", "alice"], settings)).toMatchObject({ code: 0, stderr: "" });
});

test("[ER-4] npm run bench refuses a measure that there is not", async () => {
  expect(await run(tools.bench, ["sped"])).toMatchObject({
    code: 2,
    stderr: 'There is no measure "sped". See --help.\n',
  });
});

test("[ER-4] npm run import addresses the server of npm start: at PORT, unless --url names another", async () => {
  const server = new TestServer();
  onTestFinished(() => server.stop());
  await server.start();
  const folder = temporaryFolder("partita-port-");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [port, unused] = [server.url.port, String(await freePort())];
  expect(await run(tools.import, [folder], { PORT: port })).toMatchObject({ code: 0 });
  expect(await run(tools.import, [folder, "--url", server.url.href], { PORT: unused })).toMatchObject({ code: 0 });
  const nobody = await run(tools.import, [folder], { PORT: unused });
  expect(nobody).toMatchObject({ code: 1, stdout: "" });
  expect(nobody.stderr).toContain(`Nothing answers at http://127.0.0.1:${unused}`);
  for (const text of ["http", "0", "70000", ""]) {
    const wrong = await run(tools.import, [folder], { PORT: text });
    expect(wrong).toEqual({
      code: 1,
      stdout: "",
      stderr: `PORT must be a whole number from 1 to 65535, not "${text}".\n`,
    });
  }
});
