import { createClient, memoryStore } from "../../src/client/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";

/** For the page: a client on a slow line. */
export const slowPage = {
  /** Opens a partition. Resolves with what the client has shown until it was online. */
  async open(url: string, partition: string) {
    const client = createClient({ url, partition, model: insieme, store: memoryStore() });
    const seen: { status: string; loaded: boolean; progress?: { unit: string; done: number; of: number } }[] = [];
    await new Promise<void>((resolve) => {
      client.on("status", ({ status, loaded, progress }) => {
        seen.push({ status, loaded, ...(progress && { progress }) });
        if (status === "online") resolve();
      });
    });
    const shown = [...seen];
    const length = client.read((state) => JSON.stringify(state).length);
    const verdict = await client.submit("set", { target: "from", value: "a slow line" });
    await client.close();
    return { seen: shown, length, verdict: verdict.status };
  },
};

Object.assign(globalThis, { slowPage });
