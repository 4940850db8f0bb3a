-- Additive: what the last verification of a partition has found. Applied files are never edited: their SHA-256 is recorded.

ALTER TABLE partitions ADD COLUMN verified_at INTEGER NOT NULL DEFAULT 0;  -- milliseconds since 1970; 0: not yet
ALTER TABLE partitions ADD COLUMN findings    INTEGER NOT NULL DEFAULT 0;
