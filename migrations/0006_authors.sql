-- Additive: a column that versions before leave empty; where it is needed, this version fills it in.
-- What pseudonyms of authors derive from; NULL: no pseudonym was made yet.
ALTER TABLE log ADD COLUMN author_secret TEXT;
