-- Additive: a table that versions before do not read: what is in it waits for a version that does.

-- Drafts that the partition submits to itself later. It has no row in jobs, so a timer is one row, written and deleted.
CREATE TABLE timers (
  key            TEXT    PRIMARY KEY,
  due_at         INTEGER NOT NULL,                   -- a part of the key of the draft
  retry_at       INTEGER,                            -- not before then; NULL: the draft has not failed
  attempts       INTEGER NOT NULL DEFAULT 0,         -- failed ones
  type           TEXT    NOT NULL,
  version        INTEGER,
  payload        BLOB    NOT NULL,                   -- UTF-8 JSON
  cron           TEXT,                               -- NULL: it is due once
  time_zone      TEXT,
  correlation_id TEXT    NOT NULL,
  hops           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
