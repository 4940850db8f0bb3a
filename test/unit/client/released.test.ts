import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Message } from "../../support/partition.ts";
import { converse, LiveServer, messagesOf, type Passed, RecordedServer } from "./released.ts";

const folder = new URL("../../fixtures/wire/", import.meta.url);
const builds = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map(
    (name) =>
      JSON.parse(readFileSync(new URL(name, folder), "utf8")) as { build: string; state: unknown; passed: Passed[] },
  );

/** Members that each server makes itself. */
const ownMembers: ReadonlySet<string> = new Set(["id", "serverId", "proof", "traceId", "peerId", "inReplyTo"]);

/** What `recorded` has and `sent` has not; `sent` may have more. Notes what stands for what. */
function missing(recorded: any, sent: any, path: string, same: Map<string, string>): string[] {
  if (ownMembers.has(path.split(".").at(-1)!) && typeof recorded === typeof sent) {
    same.set(recorded, sent);
    return [];
  }
  if (typeof recorded !== "object" || recorded === null || typeof sent !== "object" || sent === null)
    return recorded === sent ? [] : [`${path}: ${JSON.stringify(recorded)}, and not ${JSON.stringify(sent)}`];
  if (Array.isArray(recorded) && recorded.length !== sent.length) return [`${path}: ${recorded.length} elements`];
  return Object.keys(recorded).flatMap((key) => missing(recorded[key], sent[key], `${path}.${key}`, same));
}

describe.each(builds)("build $build", ({ passed, state }) => {
  it("[LC-5] [WP-1] its client gets from this server what its own server has sent, or more", () => {
    const server = new LiveServer();
    const same = new Map<string, string>();
    const recorded: Message[] = [];
    let open = false;
    const compare = () => {
      const sent = server.passed.flatMap((item) => ("server" in item ? messagesOf(item.server) : []));
      expect(sent.map(({ type }) => type)).toEqual(recorded.map(({ type }) => type));
      expect(recorded.flatMap((message, at) => missing(message, sent[at], message.type, same))).toEqual([]);
    };
    for (const item of passed) {
      if ("server" in item) recorded.push(...messagesOf(item.server));
      else {
        compare();
        if ("mark" in item) {
          server.mark(item.mark);
          open = item.mark !== "lost" && open;
        } else {
          if (!open) server.open({ opened() {}, received() {}, closed() {} });
          open = true;
          let frame = item.client;
          for (const [theirs, ours] of same) frame = frame.replaceAll(JSON.stringify(theirs), JSON.stringify(ours));
          server.send(frame);
        }
      }
    }
    compare();
    expect(server.state).toEqual(state);
  });

  it("[LC-5] [CL-6] this client understands its server, and its server knows all that this client sends", async () => {
    const server = new RecordedServer(passed);
    const { client, verdicts } = await converse(server);
    expect(client.state).toEqual(state);
    expect(client.status.status).toBe("online");
    expect(verdicts).toMatchObject([
      { status: "accepted" },
      { status: "rejected", problem: { code: "validation_failed" } },
      { status: "accepted", results: [{ status: "accepted" }, { status: "accepted" }] },
      { status: "accepted" },
    ]);
    expect(client.pending).toEqual([]);
    expect(server.left).toBe(0);
  });
});
