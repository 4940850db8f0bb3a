import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Mistake } from "./mistake.ts";
import { isProject, type Project, projectIn } from "./project.ts";

/** The part of wrangler's configuration that is looked at. */
export interface Configuration {
  name?: string;
  /** The path of the main module. */
  main?: string;
  build?: { command?: string };
  compatibility_date?: string;
  compatibility_flags?: readonly string[];
  assets?: { directory?: string; binding?: string; run_worker_first?: boolean | readonly string[] };
  durable_objects?: { bindings?: readonly { name: string; class_name: string; script_name?: string }[] };
  migrations?: readonly { new_sqlite_classes?: readonly string[] }[];
  vars?: Readonly<Record<string, unknown>>;
  queues?: { producers?: readonly unknown[]; consumers?: readonly unknown[] };
  observability?: { logs?: { invocation_logs?: boolean } };
}

/**
 * The configuration of a project, as its own wrangler reads it.
 *
 * @throws Mistake where wrangler cannot read it.
 */
export async function readConfiguration({ folder, config }: Project): Promise<Configuration> {
  const path = createRequire(join(folder, "package.json")).resolve("wrangler");
  const { unstable_readConfig: read } = (await import(pathToFileURL(path).href)) as {
    unstable_readConfig(given: { config: string }, options?: { hideWarnings?: boolean }): Configuration;
  };
  try {
    return read({ config }, { hideWarnings: true });
  } catch (error) {
    throw new Mistake(`${config} cannot be read: ${(error as Error).message}`);
  }
}

/** The texts among the variables of the configuration in a folder; none where it has no configuration. */
export async function variablesOf(folder: string): Promise<Record<string, string>> {
  if (!isProject(folder)) return {};
  const { vars = {} } = await readConfiguration(projectIn(folder));
  return Object.fromEntries(
    Object.entries(vars).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
