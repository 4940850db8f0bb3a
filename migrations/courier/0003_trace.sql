-- Additive: a column that versions before do not write, and do not read.

-- The trace id of what caused the message: 32 hexadecimal digits. NULL: it was handed over by an earlier version.
ALTER TABLE deliveries ADD COLUMN trace_id TEXT;
