import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Device, note } from "../insieme/device.ts";
import { disks } from "../insieme/disks.ts";
import { fresh, until } from "../insieme/lab.ts";
import { nodeLab } from "../insieme/node-lab.ts";
import { OurServer } from "../insieme/our-server.ts";
import { Raw } from "../insieme/raw.ts";
import { Random } from "../simulation/random.ts";

const draftsEach = 400;
const kills = 20;
/** Drafts of one client that are not committed: few, so that the run lasts longer than the kills. */
const pendingMax = 20;
/** Commits between a restart of the server and the next kill. */
const commitsToKillMax = 20;
const downMsMax = 200;
const retryMs = 50;
const timeoutMs = 180_000;

const seed = Number(process.env["PARTITA_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const random = new Random(seed);
let ours: OurServer;

beforeAll(async () => {
  ours = await OurServer.start();
});
afterAll(() => ours?.stop());

/** Starts a client again whenever its socket has ended, until it is connected, as an application does. */
class Restarting {
  #ended = false;
  #runs = false;

  async ended({ client }: Device): Promise<void> {
    this.#ended = true;
    if (this.#runs) return;
    this.#runs = true;
    while (this.#ended) {
      this.#ended = false;
      try {
        await client.stop();
        await client.start();
      } catch {
        this.#ended = true;
        await sleep(retryMs);
      }
    }
    this.#runs = false;
  }
}

test(
  "[WP-13] [LC-1] [EC-11] kill -9 of the server, twenty times while clients of Insieme submit 1,200 drafts: each is committed once, in the order of its client",
  async () => {
    console.log(`PARTITA_SEED=${seed}`);
    const projectId = fresh("project");
    const devices = await Promise.all(
      Object.values(disks).map((newDisk) => {
        const restarting = new Restarting();
        return Device.synced({
          lab: nodeLab(ours, newDisk),
          projectId,
          onEnded: (device) => void restarting.ended(device),
        });
      }),
    );
    let killed = 0;
    let toKill = commitsToKillMax;
    const committed = () => devices.reduce((sum, device) => sum + device.count("committed"), 0);
    const killing = async () => {
      while (killed < kills) {
        await until(() => committed() >= toKill);
        killed++;
        await ours.server.kill();
        await sleep(random.between(0, downMsMax));
        await ours.server.start();
        toKill = committed() + random.between(0, commitsToKillMax);
      }
    };
    const submitting = devices.map(async (device) => {
      const ids: string[] = [];
      for (let at = 0; at < draftsEach; at++) {
        const { clientId } = device;
        ids.push(`${clientId}.${String(at).padStart(4, "0")}`);
        await device.submit({ ...note("notes", `${clientId}.${at}`, at), id: ids.at(-1)! });
        await until(async () => (await device.drafts()).length < pendingMax);
      }
      return ids;
    });
    const [, ...submitted] = await Promise.all([killing(), ...submitting]);
    expect(killed).toBe(kills);

    const all = draftsEach * devices.length;
    const logs = await Promise.all(devices.map((device) => device.committed(all)));
    const raw = await Raw.connected(nodeLab(ours), projectId, fresh("client"));
    const log: { id: string; committedId: number }[] = [];
    for (let more = true; more;) {
      const page = await raw.page(log.length);
      log.push(...page.events);
      more = page.hasMore;
    }
    raw.close();
    expect(log.map(({ committedId }) => committedId)).toEqual(Array.from({ length: all }, (_, at) => at + 1));
    for (const ids of submitted) expect(log.map(({ id }) => id).filter((id) => ids.includes(id))).toEqual(ids);
    for (const events of logs) expect(events.map(({ id }) => id)).toEqual(log.map(({ id }) => id));
    for (const device of devices) {
      expect(device.payloads("rejected")).toEqual([]);
      await device.close();
    }
  },
  timeoutMs,
);
