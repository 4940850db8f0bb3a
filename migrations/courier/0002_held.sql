-- Additive: since when the day counts in which a row has to be delivered. Versions before count it from its acceptance.

ALTER TABLE breaker ADD COLUMN held_until INTEGER NOT NULL DEFAULT 0;
