-- Additive: a column that versions before do not write, and do not read.

-- What belongs to an event beside its payload: label, user id and metadata, and who has submitted it, where its key belongs
-- to a scope that several share. In one column of its row, because a further row is billed. JSON, in UTF-8; NULL: nothing.
ALTER TABLE events ADD COLUMN annotations BLOB;
