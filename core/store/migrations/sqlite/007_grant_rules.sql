-- +goose Up
-- What the mappings of each connection say, by a digest, and whether the grants
-- that they gave are up to it. Those of a stale connection are evaluated when they
-- are asked for, until all have been brought up to it; pass counts what made it so.
CREATE TABLE grant_rules (
  connection   TEXT PRIMARY KEY,
  organization TEXT NOT NULL,
  digest       TEXT NOT NULL, -- '' of a connection without mappings, or that is not configured
  stale        INTEGER NOT NULL CHECK (stale IN (0, 1)),
  pass         INTEGER NOT NULL
) STRICT;
