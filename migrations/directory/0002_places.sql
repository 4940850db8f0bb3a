-- Additive: a place for each partition that says nothing of its name. Applied files are never edited: their SHA-256 is recorded.

ALTER TABLE partitions ADD COLUMN place INTEGER NOT NULL DEFAULT 0;  -- a random number of 53 bits; 0: none yet
CREATE INDEX partitions_by_place ON partitions (place);
