-- Additive: the same columns, keys and triggers.
-- Where empty: events
DROP TABLE events;

CREATE TABLE events (
  event_id          INTEGER PRIMARY KEY CHECK (event_id > 0),
  principal         TEXT    NOT NULL,
  draft_id          TEXT    NOT NULL,
  client_id         TEXT    NOT NULL,
  type              TEXT    NOT NULL,
  version           INTEGER,
  expected_event_id INTEGER,
  timestamp         INTEGER NOT NULL,
  payload           BLOB    NOT NULL
) STRICT;

ALTER TABLE events ADD COLUMN batch_end INTEGER;
ALTER TABLE events ADD COLUMN fingerprint BLOB;
ALTER TABLE events ADD COLUMN incarnation TEXT;
ALTER TABLE events ADD COLUMN correlation_id TEXT;
ALTER TABLE events ADD COLUMN hops INTEGER;
ALTER TABLE events ADD COLUMN annotations BLOB;

CREATE UNIQUE INDEX events_keys ON events (draft_id, principal);

CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events BEGIN
  SELECT RAISE(ABORT, 'the log is append-only');
END;

CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events BEGIN
  SELECT RAISE(ABORT, 'the log is append-only');
END;
