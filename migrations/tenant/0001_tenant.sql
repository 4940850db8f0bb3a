-- What is known of a tenant as a whole. Applied files are never edited: their SHA-256 is recorded.

-- Changes that partitions are told of are counted: each revocation, and each change of the limits, is one.
CREATE TABLE revocations (
  seq        INTEGER PRIMARY KEY,
  kind       TEXT    NOT NULL CHECK (kind IN ('jti', 'sub')),
  id         TEXT    NOT NULL,
  at         INTEGER NOT NULL,               -- seconds: of a subject, tokens issued up to then are meant
  expires_at INTEGER NOT NULL,               -- nothing that it is about is valid any longer
  UNIQUE (kind, id)
) STRICT;

CREATE TABLE settings (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  seq       INTEGER NOT NULL,                -- the last change of all
  limits    BLOB    NOT NULL                 -- UTF-8 JSON: what differs from what the application has set
) STRICT;

-- The tenant's partitions that were ever written.
CREATE TABLE partitions (
  name       TEXT    PRIMARY KEY,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The partitions that want to be told of changes.
CREATE TABLE attending (
  partition TEXT    PRIMARY KEY,
  until     INTEGER NOT NULL,
  told_seq  INTEGER NOT NULL                 -- the last change that it was told of
) STRICT, WITHOUT ROWID;

CREATE TABLE tickets (
  sha256     BLOB    PRIMARY KEY,            -- of the ticket, which itself is kept nowhere
  principal  TEXT    NOT NULL,
  subject    BLOB    NOT NULL,               -- UTF-8 JSON: whom it speaks for
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How much of the tenant's own rates is left: written coarsely.
CREATE TABLE rate_buckets (
  name  TEXT    PRIMARY KEY,
  level INTEGER NOT NULL,
  at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
