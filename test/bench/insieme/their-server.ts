import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../../support/server.ts";
import type { Project } from "./speaker.ts";

/** The server of the package in a process of its own, with its data on disk. */
export class TheirProcess {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #port: number;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.#port = port;
  }

  static async start(): Promise<TheirProcess> {
    const folder = temporaryFolder("partita-theirs-");
    const child = fork(fileURLToPath(new URL("their-process.ts", import.meta.url)), [join(folder, "server.db")], {
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    return new TheirProcess(child, folder, port);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  project(projectId: string): Project {
    return { address: `ws://127.0.0.1:${this.#port}`, projectId };
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    if (this.#child.exitCode === null) await once(this.#child, "exit");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
