-- Additive: the partitions that report to this object. Applied files are never edited: their SHA-256 is recorded.

CREATE TABLE partitions (
  name         TEXT    PRIMARY KEY,
  created_at   INTEGER NOT NULL,               -- milliseconds since 1970, as the other times: the first report with a log
  active_at    INTEGER NOT NULL,               -- the last report
  head         INTEGER NOT NULL,
  log_bytes    INTEGER NOT NULL,
  state_bytes  INTEGER NOT NULL,
  fullest      TEXT    NOT NULL,               -- the name of the fullest bound; '': none
  fullness     INTEGER NOT NULL,               -- how full that is, in thousandths
  quarantined  INTEGER NOT NULL,               -- 0 or 1
  dead_letters INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the cursors of pages are encrypted with.
CREATE TABLE cursor_key (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  key       BLOB    NOT NULL
) STRICT;
