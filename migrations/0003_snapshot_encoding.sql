-- How the chunks of a snapshot are encoded: 'identity' or 'gzip'. The SHA-256 is that of the chunks as they are stored.

ALTER TABLE snapshots ADD COLUMN encoding TEXT NOT NULL DEFAULT 'identity';
