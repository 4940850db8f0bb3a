// @ts-check
// The log of the floors and of the peers in workerd: the columns and the index of Partita's, and the same messages.

const encoder = new TextEncoder();

/** The columns of migrations/0001 and 0002, and the order of keys of 0012. */
const schema = `CREATE TABLE IF NOT EXISTS events (
  event_id INTEGER PRIMARY KEY CHECK (event_id > 0), principal TEXT NOT NULL, draft_id TEXT NOT NULL,
  client_id TEXT NOT NULL, type TEXT NOT NULL, version INTEGER, expected_event_id INTEGER,
  timestamp INTEGER NOT NULL, payload BLOB NOT NULL, batch_end INTEGER, UNIQUE (draft_id, principal)) STRICT`;

/** @typedef {{ id: string, type: string, payload: Record<string, unknown> }} Frame */

export class Log {
  #sql;
  #partition;
  #head;

  /** @param {SqlStorage} sql @param {string} partition */
  constructor(sql, partition) {
    this.#sql = sql;
    this.#partition = partition;
    sql.exec(schema);
    this.#head = Number(sql.exec("SELECT coalesce(max(event_id), 0) AS head FROM events").one()["head"]);
  }

  /** The answer to `connect`. @param {string} id */
  connected(id) {
    return `{"id":"re-${id}","type":"connected","timestamp":${Date.now()},"payload":{"serverId":"floor","currentEventIndex":${this.#head}},"inReplyTo":"${id}"}`;
  }

  /** Appends the event of a draft. Returns the messages for its sender and for the others. @param {Frame} frame @param {string} clientId */
  append({ payload }, clientId) {
    const { draftId, event } = /** @type {{ draftId: string, event: { type: string, payload: object } }} */ (payload);
    const eventId = ++this.#head;
    const timestamp = Date.now();
    const text = JSON.stringify(event.payload);
    this.#sql.exec(
      "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      eventId,
      `dev:${clientId}`,
      draftId,
      clientId,
      event.type,
      null,
      null,
      timestamp,
      encoder.encode(text),
      null,
    );
    const received = `{"type":"${event.type}","payload":${text},"partition":"${this.#partition}","id":"evt-${eventId}","timestamp":${timestamp},"clientId":"${clientId}"}`;
    return {
      reply: `{"id":"a-${eventId}","type":"event_accepted","timestamp":${timestamp},"payload":{"draftId":"${draftId}","eventId":${eventId},"event":${received}}}`,
      broadcast: `{"id":"b-${eventId}","type":"broadcast","timestamp":${timestamp},"payload":{"eventId":${eventId},"event":${received}}}`,
    };
  }
}
