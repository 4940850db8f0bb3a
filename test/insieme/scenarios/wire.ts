// What a server answers, message by message.
import { fresh, type Lab, same, until } from "../lab.ts";
import { Raw } from "../raw.ts";

/** The most events of a page, and as many as it has unless the reader says so. */
const pageMax = 1_000;
const pageDefault = 500;
/** Events of one message. */
const batch = 100;

const open = (lab: Lab, projectId: string) => Raw.connected(lab, projectId, fresh("client"));

export const wireScenarios = {
  async "duplicate retry: the first result again, for any client of the project"(lab: Lab) {
    const projectId = fresh("project");
    const [one, two] = [await open(lab, projectId), await open(lab, projectId)];
    const id = fresh("draft");
    const first = await one.submit(one.event(id));
    same(first, [{ id, status: "committed", committedId: 1, serverTs: first[0].serverTs }]);
    await one.submit(one.event(fresh("draft")));
    same(await one.submit(one.event(id)), first);
    same(await two.submit(two.event(id)), first);
    // The order of keys is no part of the content.
    same(await one.submit(one.event(id, { payload: { value: 1, key: id } })), first);
    same((await one.page(0)).events.length, 2, "number of events");
    one.close();
    two.close();
  },

  async "the same id with other content is refused, and the first event stands"(lab: Lab) {
    const projectId = fresh("project");
    const raw = await open(lab, projectId);
    const id = fresh("draft");
    const first = await raw.submit(raw.event(id));
    const others = [
      { payload: { key: id, value: 2 } },
      { partition: "comments" },
      { userId: "ann" },
      { schemaVersion: 2 },
      { meta: { clientId: raw.clientId, clientTs: 1_700_000_000_001 } },
    ];
    for (const other of others) {
      const [result] = await raw.submit(raw.event(id, other));
      same([result.id, result.status, result.reason], [id, "rejected", "validation_failed"], JSON.stringify(other));
    }
    same(await raw.submit(raw.event(id)), first);
    same((await raw.page(0)).events.length, 1, "number of events");
    raw.close();
  },

  async "results are in the order of the request; after a rejection nothing of it is processed"(lab: Lab) {
    const projectId = fresh("project");
    const raw = await open(lab, projectId);
    const ids = Array.from({ length: 4 }, () => fresh("draft"));
    const bad = { payload: { key: "", value: 0 } };
    const results = await raw.submit(
      raw.event(ids[0]!),
      raw.event(ids[1]!, bad),
      raw.event(ids[2]!),
      raw.event(ids[3]!, bad),
    );
    same(
      results.map(({ id, status, reason, blockedById }) => [id, status, reason ?? "", blockedById ?? ""]),
      [
        [ids[0], "committed", "", ""],
        [ids[1], "rejected", "validation_failed", ""],
        [ids[2], "not_processed", "prior_item_failed", ids[1]],
        [ids[3], "not_processed", "prior_item_failed", ids[1]],
      ],
    );
    // A later message does not overtake an earlier one.
    const [batch, single] = await Promise.all([
      raw.submit(...ids.slice(2, 3).map((id) => raw.event(id)), raw.event(fresh("draft"))),
      raw.submit(raw.event(fresh("draft"))),
    ]);
    same(
      [...batch!, ...single!].map(({ committedId }) => committedId),
      [2, 3, 4],
    );
    raw.close();
  },

  async "an item that is not as it must be is rejected by itself"(lab: Lab) {
    const projectId = fresh("project");
    const raw = await open(lab, projectId);
    const cases: [object, string][] = [
      [{ type: "" }, "validation_failed"],
      [{ type: "admin.grant" }, "forbidden"],
      [{ schemaVersion: 0 }, "validation_failed"],
      [{ schemaVersion: 1.5 }, "validation_failed"],
      [{ payload: "text" }, "validation_failed"],
      [{ projectId: fresh("project") }, "forbidden"],
      [{ meta: { clientId: fresh("client"), clientTs: 1 } }, "forbidden"],
      [{ meta: { clientId: raw.clientId } }, "validation_failed"],
      [{ userId: "" }, "validation_failed"],
    ];
    for (const [more, reason] of cases) {
      const [result] = await raw.submit(raw.event(fresh("draft"), more));
      same([result.status, result.reason], ["rejected", reason], JSON.stringify(more));
      same(result.errors.length > 0 && typeof result.errors[0].message === "string", true, JSON.stringify(result));
    }
    same((await raw.page(0)).events, []);
    raw.close();
  },

  async "messages that are none keep the connection open"(lab: Lab) {
    const projectId = fresh("project");
    const clientId = fresh("client");
    const raw = await Raw.open(lab, projectId, clientId);
    const early = await raw.ask("sync", { projectId, sinceCommittedId: 0 });
    same([early.type, early.protocolVersion, early.payload.code], ["error", "1.0", "bad_request"]);
    const token = await lab.server.token({ clientId, projectId });
    same((await raw.ask("connect", { clientId, projectId })).payload.code, "bad_request");
    const connected = await raw.ask("connect", { token, clientId, projectId, more: 1 }, { more: 1 });
    same(connected.payload, { clientId, projectId, projectLastCommittedId: 0 });
    const malformed: [string, unknown][] = [
      ["unknown", {}],
      ["submit_events", {}],
      ["submit_events", { events: [] }],
      ["submit_events", { events: [1] }],
      ["submit_events", { events: [{ type: "note.set" }] }],
      ["sync", { projectId }],
      ["sync", { projectId, sinceCommittedId: -1 }],
      ["sync", { sinceCommittedId: 0 }],
    ];
    for (const [type, payload] of malformed) {
      const { type: answer, payload: error } = await raw.ask(type, payload);
      same([answer, error.code, typeof error.message], ["error", "bad_request", "string"], `answer to ${type}`);
    }
    same((await raw.ask("sync", { projectId: fresh("project"), sinceCommittedId: 0 })).payload.code, "forbidden");
    raw.send("sync", undefined);
    await until(() => raw.received.filter(({ type }) => type === "error").length === malformed.length + 4);
    same((await raw.page(0)).events, []);
    same(raw.ended, false, "connection has ended");
    raw.close();
  },

  async "another version of the protocol ends the connection"(lab: Lab) {
    const raw = await open(lab, fresh("project"));
    const { payload } = await raw.ask("sync", {}, { protocolVersion: "0.9" });
    same(payload.code, "protocolVersion_unsupported");
    await until(() => raw.ended);
  },

  async "a page has 500 events unless the reader says so, at least 1 and at most 1,000"(lab: Lab) {
    const projectId = fresh("project");
    const raw = await open(lab, projectId);
    const count = pageMax + batch;
    for (let at = 0; at < count; at += batch) {
      await raw.submit(...Array.from({ length: batch }, (_, offset) => raw.event(`${projectId}-${at + offset}`)));
    }
    const sizes = [];
    for (const limit of [undefined, 0, 7, 2 * pageMax]) {
      const { events, hasMore, nextSinceCommittedId, syncToCommittedId } = await raw.page(0, limit);
      same([hasMore, nextSinceCommittedId, syncToCommittedId], [true, events.length, count]);
      sizes.push(events.length);
    }
    same(sizes, [pageDefault, 1, 7, pageMax]);
    const last = await raw.page(pageMax);
    same([last.events.length, last.hasMore, last.nextSinceCommittedId], [batch, false, count]);
    same(last.events[0].committedId, pageMax + 1);
    raw.close();
  },

  async "a cycle of pages ends where it was when it began; no broadcast comes within it"(lab: Lab) {
    const projectId = fresh("project");
    const [reader, writer] = [await open(lab, projectId), await open(lab, projectId)];
    const ids = Array.from({ length: 6 }, () => fresh("draft"));
    await writer.submit(...ids.slice(0, 3).map((id) => writer.event(id)));
    await until(() => reader.broadcasts.length === 3);
    const first = await reader.page(0, 2);
    same([first.hasMore, first.syncToCommittedId], [true, 3]);
    await writer.submit(...ids.slice(3, 5).map((id) => writer.event(id)));
    // An answer shows that a broadcast would have come before it.
    const second = await reader.page(first.nextSinceCommittedId, 2);
    same([second.events.length, second.hasMore, second.syncToCommittedId], [1, false, 3]);
    await writer.submit(writer.event(ids[5]!));
    const expected = lab.server.leavesGap ? [...ids.slice(0, 3), ids[5]] : ids;
    await until(() => reader.broadcasts.length >= expected.length);
    same(
      reader.broadcasts.map(({ id }) => id),
      expected,
    );
    const order = reader.received.map(({ type }) => type);
    same(order.slice(0, 6), [
      "connected",
      ...Array.from({ length: 3 }, () => "event_broadcast"),
      "sync_response",
      "sync_response",
    ]);
    reader.close();
    writer.close();
  },
};
