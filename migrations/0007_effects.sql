-- Additive: a column that versions before leave empty, and tables that they do not read: what is in them waits for a version that does.

ALTER TABLE events ADD COLUMN hops INTEGER;          -- how many effects led to it, one after the other; NULL: none

-- What commits cause outside, as long as it is not delivered. Its order is that of the log.
CREATE TABLE outbox (
  event_id       INTEGER NOT NULL,
  n              INTEGER NOT NULL,                   -- from 0, of the effects of its event
  incarnation    TEXT    NOT NULL,                   -- of the event; the id of the effect is <incarnation>:<event_id>:<n>
  kind           TEXT    NOT NULL,                   -- submit, webhook or queue
  destination    TEXT    NOT NULL,                   -- a partition or a queue; '' for webhooks
  body           BLOB    NOT NULL,                   -- UTF-8 JSON
  correlation_id TEXT    NOT NULL,
  hops           INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,                   -- the time of the event
  queued_at      INTEGER NOT NULL,                   -- later than created_at after a replay
  PRIMARY KEY (event_id, n)
) STRICT, WITHOUT ROWID;

-- Effects that were given up.
CREATE TABLE dead_letters (
  event_id       INTEGER NOT NULL,
  n              INTEGER NOT NULL,
  incarnation    TEXT    NOT NULL,
  kind           TEXT    NOT NULL,
  destination    TEXT    NOT NULL,
  body           BLOB    NOT NULL,
  correlation_id TEXT    NOT NULL,
  hops           INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,
  queued_at      INTEGER NOT NULL,
  died_at        INTEGER NOT NULL,
  reason         TEXT    NOT NULL,                   -- rejected, refused, expired, too_many_hops or answer_failed
  detail         BLOB    NOT NULL,                   -- UTF-8 JSON: what the destination has answered
  PRIMARY KEY (event_id, n)
) STRICT, WITHOUT ROWID;
