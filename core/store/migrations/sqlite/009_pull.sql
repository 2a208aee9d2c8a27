-- +goose Up
-- Passes over IdPs that are asked for their people: one row for each instance
-- that asks.
CREATE TABLE pull (
  instance     TEXT PRIMARY KEY,
  organization TEXT NOT NULL,
  connection   TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('waiting', 'reading', 'ending')),
  pass         TEXT NOT NULL, -- '' before the first
  cursor       TEXT NOT NULL, -- the plugin's
  parts        INTEGER NOT NULL, -- of this pass that are done
  started_at   INTEGER NOT NULL, -- of this pass, or of the last; 0 asks for one now
  completed_at INTEGER NOT NULL, -- of the last that was complete; 0 is none
  retry_at     INTEGER NOT NULL, -- nothing is done before
  failures     INTEGER NOT NULL, -- in a row
  problem      TEXT NOT NULL -- of the last failure, '' after a success
) STRICT;

-- In which pass a resource was seen last.
CREATE TABLE directory_seen (
  resource TEXT PRIMARY KEY,
  pass     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
