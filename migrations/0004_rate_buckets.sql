-- How much of their rates principals have left: written coarsely, so that neither sleep nor a restart gives it back.

CREATE TABLE rate_buckets (
  principal TEXT    NOT NULL,
  scope     TEXT    NOT NULL,                -- '' for all drafts, or an event type
  level     INTEGER NOT NULL,             -- tokens, rounded down; below zero: a debt
  at        INTEGER NOT NULL,
  full_at   INTEGER NOT NULL,                -- from then on the row says nothing, and may go
  PRIMARY KEY (principal, scope)
) STRICT, WITHOUT ROWID;
