import { once } from "node:events";
import { WebSocket } from "ws";

/** A function and its shares of the CPU time, 0 to 1. */
export interface Cost {
  /** Includes the line; functions of the platform have none. */
  name: string;
  /** The time in the function itself. */
  self: number;
  /** The time in the function and in its callees. */
  total: number;
}

interface Profile {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
    children?: number[];
  }[];
  samples: number[];
  timeDeltas: number[];
}

/** The CPU profiler of a Worker, over the Chrome DevTools protocol. */
export class Inspector {
  readonly #ws: WebSocket;
  #calls = 0;

  private constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.setMaxListeners(0);
  }

  /** Connects to the first Worker that can be inspected on `port` of 127.0.0.1. */
  static async open(port: number): Promise<Inspector> {
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as { webSocketDebuggerUrl: string }[];
    const ws = new WebSocket(targets[0]!.webSocketDebuggerUrl, { perMessageDeflate: false });
    await once(ws, "open");
    return new Inspector(ws);
  }

  /** Profiles while `body` runs. Returns the cost of each function. */
  async profile(body: () => Promise<unknown>): Promise<Cost[]> {
    await this.#call("Profiler.enable");
    await this.#call("Profiler.setSamplingInterval", { interval: 200 });
    await this.#call("Profiler.start");
    await body();
    const { profile } = (await this.#call("Profiler.stop")) as { profile: Profile };
    return costsOf(profile);
  }

  close(): void {
    this.#ws.terminate();
  }

  #call(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      const listen = (data: Buffer) => {
        const answer = JSON.parse(data.toString()) as { id?: number; result?: unknown; error?: { message: string } };
        if (answer.id !== id) return;
        this.#ws.off("message", listen);
        if (answer.error) reject(new Error(`${method}: ${answer.error.message}`));
        else resolve(answer.result);
      };
      this.#ws.on("message", listen);
      this.#ws.once("close", () => reject(new Error(`${method}: the inspector closed`)));
      this.#ws.send(JSON.stringify({ id, method, params }));
    });
  }
}

function costsOf({ nodes, samples, timeDeltas }: Profile): Cost[] {
  const places = new Map<number, Place>();
  for (const node of nodes) places.set(node.id, { name: nameOf(node), above: undefined });
  for (const { id, children = [] } of nodes) {
    for (const child of children) places.get(child)!.above = places.get(id);
  }
  const costs = new Map<string, Cost>();
  let total = 0;
  samples.forEach((id, at) => {
    const time = timeDeltas[at] ?? 0;
    const place = places.get(id);
    if (!place || place.name === "(idle)") return;
    total += time;
    const seen = new Set<string>();
    for (let above: Place | undefined = place; above; above = above.above) {
      const { name } = above;
      const cost = costs.get(name) ?? { name, self: 0, total: 0 };
      costs.set(name, cost);
      if (above === place) cost.self += time;
      // A recursive function is counted once.
      if (!seen.has(name)) cost.total += time;
      seen.add(name);
    }
  });
  return [...costs.values()].map(({ name, self, total: all }) => ({ name, self: self / total, total: all / total }));
}

interface Place {
  name: string;
  above: Place | undefined;
}

function nameOf({ callFrame: { functionName, lineNumber, url } }: Profile["nodes"][number]): string {
  // Functions of V8 and of the platform have no location.
  return url === "" ? functionName || "(platform)" : `${functionName || "(anonymous)"}:${lineNumber + 1}`;
}
