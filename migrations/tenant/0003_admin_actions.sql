-- Additive: what administrators have done. Applied files are never edited: their SHA-256 is recorded.

CREATE TABLE admin_actions (
  seq   INTEGER PRIMARY KEY,
  id    TEXT    NOT NULL,                    -- of the request: one that comes again is noted once
  entry BLOB    NOT NULL                     -- UTF-8 JSON
) STRICT;
