-- +goose Up
-- Passes over IdPs that are asked for their people: one row for each instance
-- that asks.
CREATE TABLE pull (
  instance     TEXT COLLATE "C" PRIMARY KEY,
  organization TEXT COLLATE "C" NOT NULL,
  connection   TEXT COLLATE "C" NOT NULL,
  state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'reading', 'ending')),
  pass         TEXT COLLATE "C" NOT NULL, -- '' before the first
  cursor       TEXT COLLATE "C" NOT NULL, -- the plugin's
  parts        BIGINT NOT NULL, -- of this pass that are done
  started_at   BIGINT NOT NULL, -- of this pass, or of the last; 0 asks for one now
  completed_at BIGINT NOT NULL, -- of the last that was complete; 0 is none
  retry_at     BIGINT NOT NULL, -- nothing is done before
  failures     BIGINT NOT NULL, -- in a row
  problem      TEXT COLLATE "C" NOT NULL -- of the last failure, '' after a success
);

-- In which pass a resource was seen last.
CREATE TABLE directory_seen (
  resource TEXT COLLATE "C" PRIMARY KEY,
  pass     TEXT COLLATE "C" NOT NULL
);
