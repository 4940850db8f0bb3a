-- The log of one partition, and what belongs to it. Applied files are never edited: their SHA-256 is recorded.

CREATE TABLE log (
  singleton     INTEGER PRIMARY KEY CHECK (singleton = 1),
  log_id        TEXT    NOT NULL,            -- names the log to clients; new after a restore or import
  tenant        TEXT    NOT NULL,
  partition     TEXT    NOT NULL,
  created_at    INTEGER NOT NULL
) STRICT;

-- The log, and at the same time the idempotency record of all it accepted. No further index: each is a billed row.
CREATE TABLE events (
  event_id          INTEGER PRIMARY KEY CHECK (event_id > 0),
  principal         TEXT    NOT NULL,
  draft_id          TEXT    NOT NULL,
  client_id         TEXT    NOT NULL,
  type              TEXT    NOT NULL,
  version           INTEGER,                 -- as submitted; absent means 1
  expected_event_id INTEGER,                 -- as submitted
  timestamp         INTEGER NOT NULL,
  payload           BLOB    NOT NULL,        -- UTF-8 JSON, as it goes out
  UNIQUE (principal, draft_id)
) STRICT;

CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events BEGIN
  SELECT RAISE(ABORT, 'the log is append-only');
END;

CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events BEGIN
  SELECT RAISE(ABORT, 'the log is append-only');
END;

-- Rejections. record_id grows with time, so the sweep reads from its beginning.
CREATE TABLE idempotency_records (
  record_id   INTEGER PRIMARY KEY,
  principal   TEXT    NOT NULL,
  draft_id    TEXT    NOT NULL,
  fingerprint BLOB    NOT NULL,              -- SHA-256 of the canonical content
  problem     BLOB    NOT NULL,              -- UTF-8 JSON of the problem, as it went out
  created_at  INTEGER NOT NULL,
  UNIQUE (principal, draft_id)
) STRICT;

CREATE TABLE snapshots (
  event_id      INTEGER PRIMARY KEY,         -- the state after this event
  model_version INTEGER NOT NULL,
  state_bytes   INTEGER NOT NULL,
  log_bytes     INTEGER NOT NULL,            -- payload bytes of all events up to this one
  sha256        BLOB    NOT NULL,            -- of the whole state
  created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE snapshot_chunks (
  event_id INTEGER NOT NULL,
  chunk    INTEGER NOT NULL,
  bytes    BLOB    NOT NULL,
  PRIMARY KEY (event_id, chunk)
) STRICT, WITHOUT ROWID;

-- What is to be done later; the object's one alarm is set to the earliest.
CREATE TABLE due_work (
  kind   TEXT    PRIMARY KEY,
  due_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
