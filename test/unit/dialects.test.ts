import { describe, expect, it } from "vitest";
import { newSession } from "../../src/core/index.ts";
import { type Attachment, Connection } from "../../src/shell/connection.ts";
import type { Dialect } from "../../src/wire/dialect.ts";
import { Dialects } from "../../src/wire/dialects.ts";
import { connectionHost } from "../support/connection-host.ts";
import { TestPartition } from "../support/partition.ts";

/** A dialect of one letter: `C` connects, and each reply is its kind in capitals. */
const shouting: Dialect = {
  name: "shouting",
  attachmentVersion: 1,
  recognises: (frame) => frame === "C",
  messages: () => undefined,
  decode: (frame) =>
    frame === "C"
      ? {
          kind: "connect",
          requestId: "c",
          clientId: "c",
          partition: undefined,
          model: undefined,
          modelVersion: undefined,
          otherModel: false,
          initialState: false,
          stateChunks: false,
          sinceEventId: undefined,
          proof: undefined,
          echo: true,
          credit: undefined,
          draftIds: false,
          presence: false,
          presenceRefusals: false,
          replaces: undefined,
          probes: false,
          authors: false,
          wire: undefined,
          author: undefined,
        }
      : { kind: "heartbeat", requestId: "h" },
  frames: (replies, broadcasts) => [...replies.map(({ kind }) => kind.toUpperCase()), ...broadcasts.map(() => "EVENT")],
  ending: () => undefined,
  redoneAfter: () => undefined,
  closeCode: () => 4999,
  forget: () => {},
};

function connected(attachment: Partial<Attachment> = {}) {
  const room = new TestPartition();
  const sent: string[] = [];
  const ended: number[] = [];
  const saved: Attachment[] = [];
  const connection = new Connection(
    {
      send: (frame) => void sent.push(frame),
      end: (code) => void ended.push(code),
      save: (kept) => void saved.push(kept),
      lastSignOfLife: () => 0,
    },
    connectionHost(room, { dialects: new Dialects(room.codec, shouting) }),
    { session: newSession(undefined), seenAt: room.now, ...attachment },
  );
  room.partition.attach(connection.session, room.now);
  return { room, connection, sent, ended, saved };
}

const ours = JSON.stringify({ id: "m", type: "connect", timestamp: 1, payload: { clientId: "c", version: "1" } });

describe("the dialect of a connection", () => {
  it("[WP-13] is the one that recognises its first frame, and stays so", () => {
    const { connection, sent, saved, room } = connected();
    connection.receive("C", room.now);
    connection.receive("x", room.now);
    expect(sent).toEqual(["CONNECTED", "HEARTBEAT"]);
    expect(saved.at(-1)).toMatchObject({ dialect: "shouting" });
  });

  it("[WP-13] [WP-1] is ours where no other recognises the frame", () => {
    const { connection, sent, saved, room } = connected();
    connection.receive(ours, room.now);
    expect(JSON.parse(sent[0]!)).toMatchObject({ type: "connected", inReplyTo: "m" });
    expect(saved.at(-1)).toMatchObject({ dialect: "partita" });
  });

  it("[WP-13] is the one that its upgrade has chosen, whatever its first frame is", () => {
    const { connection, sent, room } = connected({ dialect: "partita" });
    connection.receive("C", room.now);
    expect(JSON.parse(sent[0]!)).toMatchObject({ type: "error", payload: { code: "bad_request" } });
  });

  it("[WP-13] has the close codes of its own", () => {
    const { connection, ended, room } = connected();
    connection.receive("C", room.now);
    connection.end("idle");
    expect(ended).toEqual([4999]);
  });

  it("[WP-13] both kinds share a partition: each event reaches each in its own form", () => {
    const { connection, sent, room } = connected();
    connection.receive("C", room.now);
    const other = room.client("a");
    other.submit("d1", "set", { target: "n", value: 1 });
    expect(sent).toEqual(["CONNECTED", "EVENT"]);
    expect(other.of("broadcast")).toHaveLength(1);
  });
});
