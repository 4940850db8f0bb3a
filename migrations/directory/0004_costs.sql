-- Additive: what partitions have used of what the platform bills. Applied files are never edited: their SHA-256 is recorded.

CREATE TABLE costs (
  name TEXT NOT NULL,
  day  TEXT NOT NULL,                          -- as 2026-11-30, in UTC
  used TEXT NOT NULL,                          -- the figures, as JSON
  PRIMARY KEY (name, day)
) STRICT, WITHOUT ROWID;
