-- Additive: what a partition has used of what the platform bills, by day. Applied files are never edited: their SHA-256 is recorded.

CREATE TABLE costs (
  name            TEXT    NOT NULL,            -- the partition
  day             TEXT    NOT NULL,            -- as 2026-11-30, in UTC
  requests        INTEGER NOT NULL,
  socket_messages INTEGER NOT NULL,
  rows_read       INTEGER NOT NULL,
  rows_written    INTEGER NOT NULL,
  active_ms       INTEGER NOT NULL,
  stored_bytes    INTEGER NOT NULL,            -- of its database, at the last report of the day
  events          INTEGER NOT NULL,
  PRIMARY KEY (name, day)
) STRICT, WITHOUT ROWID;
