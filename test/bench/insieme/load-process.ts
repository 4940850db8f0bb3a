import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { PingJob, Report, StreamJob, StreamResult } from "./load.ts";

/** The load over the wire of the package `insieme`, in a process of its own. */
export class InsiemeLoad {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL("load.ts", import.meta.url)), {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });

  run(job: StreamJob): Promise<StreamResult>;
  run(job: PingJob): Promise<number[]>;
  /** Runs one job; jobs do not overlap. */
  async run(job: StreamJob | PingJob): Promise<StreamResult | number[]> {
    this.#child.send(job);
    const [report] = (await once(this.#child, "message")) as [Report];
    if ("error" in report) throw new Error(`${job.project.projectId}: ${report.error}`);
    return report.result;
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}
