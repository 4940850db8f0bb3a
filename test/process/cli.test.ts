import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { freePort } from "../support/processes.ts";

const cli = join(projectFolder, "src/cli/main.ts");
const commands =
  "init dev token simulate export import check-model verify costs incident console doctor import-insieme build";
/** How long a command may take that cannot do its work. */
const endMsMax = 20_000;

/** Runs `partita` in its own folder, with no settings in its environment but these. */
function partita(parameters: readonly string[], environment: Record<string, string> = {}) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PARTITA_|PORT$)/.test(name)));
  const options = { cwd: import.meta.dirname, env: { ...env, ...environment }, timeout: endMsMax };
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    const node = ["--disable-warning=ExperimentalWarning", cli, ...parameters];
    const child = execFile(process.execPath, node, options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

test.each(commands.split(" "))(
  "[EC-4] [ER-4] partita %s explains itself, without colours in a pipe",
  async (command) => {
    // The environment of tests has no colours anyway.
    const { code, stdout, stderr } = await partita([command, "--help"], { CI: "", TEST: "", TERM: "xterm" });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`\nUSAGE partita ${command}`);
    expect(stdout).not.toContain("\u001b");
  },
);

test("[EC-4] [ER-4] partita says in one line what is wrong with its parameters", async () => {
  const wrong: [string[], RegExp][] = [
    [["nothing"], /^There is no command "nothing"\. The commands: init, dev, .*, build\.$/],
    [["--json", "costs"], /^Name a command first\. See --help\.$/],
    [["init"], /^Missing required positional argument: FOLDER\. See --help\.$/],
    [["init", "one", "two"], /^Unexpected argument 'two'\. See --help\.$/],
    [["verify", "--json"], /^Unknown option '--json'\. See --help\.$/],
    [["token"], /^Missing required argument: --sub\. See --help\.$/],
    [["token", "--sub"], /^Option '--sub <value>' argument missing\. See --help\.$/],
    [["token", "--sub", "--hours", "1"], /^Option '--sub' argument is ambiguous\. .*'--sub=-XYZ'\. See --help\.$/],
    [["costs", "--partition", "p", "--url", "localhost:8787"], /^"localhost:8787" is not the URL of a server/],
    [["import", import.meta.dirname, "--partition", "p", "--dry-run"], /^.* is a folder, not a file\.$/],
  ];
  for (const [parameters, said] of wrong) {
    const { code, stdout, stderr } = await partita(parameters);
    expect({ parameters, code, stdout }).toEqual({ parameters, code: 2, stdout: "" });
    expect(stderr.trimEnd()).toMatch(said);
  }
});

test("[EC-4] partita --version is that of the package", async () => {
  expect((await partita(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("[EC-4] a folder that cannot be made ends a command, and does not stop it for ever", async () => {
  const said = /^The folder \/proc\S* cannot be made: E[A-Z]+: [a-z -]+\.$/;
  for (const folder of ["/proc/x", "/proc/x/y"]) {
    const { code, stderr } = await partita(["init", folder, "--package", "1"]);
    expect({ code, said: stderr.trimEnd() }).toEqual({ code: 1, said: expect.stringMatching(said) });
  }
});

test("[EC-4] a command of a server says at once that nothing listens, and how to start it", async () => {
  const port = String(await freePort());
  for (const parameters of [
    ["costs", "--partition", "p"],
    ["verify"],
    ["export", "--partition", "p", "--out", join(projectFolder, "dist/never.ndjson")],
    ["import", cli, "--partition", "p"],
  ])
    expect(await partita(parameters, { PORT: port })).toEqual({
      code: 1,
      stdout: "",
      stderr: `http://127.0.0.1:${port} cannot be reached: nothing listens there. Start it by: npx partita dev\n`,
    });
});
