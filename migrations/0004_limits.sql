-- How much of their rates principals have left: written coarsely, so that neither sleep nor a restart gives it back.

CREATE TABLE rate_buckets (
  principal TEXT    NOT NULL,
  scope     TEXT    NOT NULL,                -- '' for all drafts, or an event type
  level     INTEGER NOT NULL,             -- tokens, rounded down; below zero: a debt
  at        INTEGER NOT NULL,
  full_at   INTEGER NOT NULL,                -- from then on the row says nothing, and may go
  PRIMARY KEY (principal, scope)
) STRICT, WITHOUT ROWID;

-- What the tenant has set that differs from the application's limits, as it was last told: in force from the first moment after sleep.
CREATE TABLE tenant_limits (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  limits    BLOB    NOT NULL                 -- UTF-8 JSON
) STRICT;
