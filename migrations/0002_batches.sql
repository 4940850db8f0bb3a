-- Atomic batches: several events that were accepted together under one key of their own.

ALTER TABLE events ADD COLUMN batch_end INTEGER;   -- the last event of the batch it belongs to; NULL outside one

CREATE TABLE batches (
  principal      TEXT    NOT NULL,
  batch_id       TEXT    NOT NULL,
  fingerprint    BLOB    NOT NULL,                 -- SHA-256 of the canonical content of the whole
  first_event_id INTEGER NOT NULL,
  event_count    INTEGER NOT NULL,
  PRIMARY KEY (principal, batch_id)
) STRICT, WITHOUT ROWID;
