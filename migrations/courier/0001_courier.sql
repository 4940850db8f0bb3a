-- Additive: what is to be delivered to one endpoint. Applied files are never edited: their SHA-256 is recorded.

-- An effect that is not delivered yet. One that is due has due_at. One that has none is a dead letter, or waits for an
-- earlier one: an ordered row waits while its partition has an earlier ordered row, dead letters included.
CREATE TABLE deliveries (
  effect_id      TEXT    PRIMARY KEY,
  seq            INTEGER NOT NULL,           -- the order in which they were accepted
  partition      TEXT    NOT NULL,
  type           TEXT    NOT NULL,
  timestamp      INTEGER NOT NULL,           -- of its event
  correlation_id TEXT,
  ordered        INTEGER NOT NULL,           -- 0 or 1
  accepted_at    INTEGER NOT NULL,
  due_at         INTEGER,
  died_at        INTEGER,                    -- since when it is a dead letter
  attempts       INTEGER NOT NULL,
  last_status    INTEGER,                    -- of the last answer
  last_reason    TEXT,
  payload        BLOB    NOT NULL            -- UTF-8 JSON
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_due ON deliveries (due_at, seq) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_ordered ON deliveries (partition, seq) WHERE ordered = 1;
CREATE INDEX deliveries_dead ON deliveries (seq) WHERE died_at IS NOT NULL;

-- The ids of the last rows that a partition has handed over: if it has no receipt, it hands them over again.
CREATE TABLE handed (
  partition  TEXT    PRIMARY KEY,
  effect_ids BLOB    NOT NULL,               -- UTF-8 JSON
  handed_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Whether the endpoint answers: written when that changes.
CREATE TABLE breaker (
  singleton     INTEGER PRIMARY KEY CHECK (singleton = 1),
  failures      INTEGER NOT NULL,
  opens         INTEGER NOT NULL,
  opened_at     INTEGER NOT NULL,
  open_until    INTEGER NOT NULL,
  failing_since INTEGER NOT NULL
) STRICT;
