-- +goose Up
-- Sessions of people with a browser. Of the cookie there is a hash only.
CREATE TABLE session (
  id            TEXT PRIMARY KEY,
  token         BLOB NOT NULL, -- SHA-256
  organization  TEXT NOT NULL,
  person        TEXT NOT NULL, -- id of the user
  connection    TEXT NOT NULL,
  instance      TEXT NOT NULL, -- that signed them on
  issuer        TEXT NOT NULL,
  subject       TEXT NOT NULL,
  session_index TEXT NOT NULL, -- the IdP's name for its session; '' is none
  host          TEXT NOT NULL, -- that the cookie is for
  started_at    INTEGER NOT NULL,
  signed_on_at  INTEGER NOT NULL, -- at the IdP
  seen_at       INTEGER NOT NULL,
  ends_at       INTEGER NOT NULL,
  context       TEXT NOT NULL, -- of the sign-on
  methods       TEXT NOT NULL, -- of the sign-on, one a line
  multi_factor  INTEGER NOT NULL, -- 0 unsaid, 1 no, 2 yes
  agent         TEXT NOT NULL, -- the browser's name for itself
  address       TEXT NOT NULL, -- that they signed on from
  keep          BLOB NOT NULL  -- of the plugin, sealed; empty is none
) STRICT;
CREATE INDEX session_person ON session (person, started_at);
CREATE INDEX session_subject ON session (connection, subject);
CREATE INDEX session_index ON session (connection, session_index) WHERE session_index <> '';
CREATE INDEX session_ends ON session (ends_at);
CREATE INDEX session_seen ON session (seen_at);
CREATE INDEX session_started ON session (started_at, id);
