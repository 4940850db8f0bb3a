-- Additive: a column that versions before do not write, and do not read.

-- The last event of the state that a rejection was judged on: who asks why sees that state. NULL before this migration.
ALTER TABLE idempotency_records ADD COLUMN judged_at INTEGER;
