-- What comes needs these: operational transformation, the proof of a prefix, effects, jobs with keys. No further index, no further row for an event.

ALTER TABLE events ADD COLUMN fingerprint BLOB;      -- SHA-256 of the canonical content as submitted; NULL: the row holds it as it was
ALTER TABLE events ADD COLUMN incarnation TEXT;      -- the random id of the object's lifetime that wrote it; NULL before this migration
ALTER TABLE events ADD COLUMN correlation_id TEXT;   -- what caused the event; NULL: nothing is known

ALTER TABLE snapshots ADD COLUMN model_tag TEXT;     -- <name>.<version> of the model; NULL before this migration

-- Internal due work; the object's one alarm is set to the earliest.
CREATE TABLE jobs (
  kind     TEXT    NOT NULL,
  key      TEXT    NOT NULL,                         -- '' where there is one of the kind
  due_at   INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,               -- failed ones since the last that succeeded
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

INSERT INTO jobs (kind, key, due_at) SELECT kind, '', due_at FROM due_work;

DROP TABLE due_work;
