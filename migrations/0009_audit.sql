-- Additive: a table that versions before do not read: the segments that they do not make are made by a version that does.

-- The audit of the log: what is computed once of each 1,024 events. One row a segment, and no further index.
CREATE TABLE audit_segments (
  segment INTEGER PRIMARY KEY CHECK (segment >= 0),  -- from 0; its first event is segment * 1024 + 1
  head    BLOB    NOT NULL,                          -- the signed head with it as the last segment, a compact JWS
  nodes   BLOB    NOT NULL,                          -- the hashes of the whole subtrees that end with it, its own root first
  leaves  BLOB    NOT NULL                           -- the hashes of its leaves, in order
) STRICT;
