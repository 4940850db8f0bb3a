-- Additive: the endpoints outside that the tenant's effects are sent to. Applied files are never edited: their SHA-256 is recorded.

CREATE TABLE endpoints (
  id         TEXT    PRIMARY KEY,
  url        TEXT    NOT NULL,
  types      BLOB,                           -- UTF-8 JSON: the types that it wants; NULL: all
  state      TEXT    NOT NULL CHECK (state IN ('pending', 'active', 'disabled')),
  paused     INTEGER NOT NULL,               -- 0 or 1
  reason     TEXT,                           -- why it is disabled
  own_host   TEXT    NOT NULL,               -- of this server, when the address was set
  secrets    BLOB    NOT NULL,               -- UTF-8 JSON: encrypted
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
