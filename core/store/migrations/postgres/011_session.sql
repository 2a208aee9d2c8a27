-- +goose Up
-- Sessions of people with a browser. Of the cookie there is a hash only.
CREATE TABLE session (
  id            TEXT COLLATE "C" PRIMARY KEY,
  token         BYTEA NOT NULL, -- SHA-256
  organization  TEXT COLLATE "C" NOT NULL,
  person        TEXT COLLATE "C" NOT NULL, -- id of the user
  connection    TEXT COLLATE "C" NOT NULL,
  instance      TEXT COLLATE "C" NOT NULL, -- that signed them on
  issuer        TEXT COLLATE "C" NOT NULL,
  subject       TEXT COLLATE "C" NOT NULL,
  session_index TEXT COLLATE "C" NOT NULL, -- the IdP's name for its session; '' is none
  host          TEXT COLLATE "C" NOT NULL, -- that the cookie is for
  started_at    BIGINT NOT NULL,
  signed_on_at  BIGINT NOT NULL, -- at the IdP
  seen_at       BIGINT NOT NULL,
  ends_at       BIGINT NOT NULL,
  context       TEXT COLLATE "C" NOT NULL, -- of the sign-on
  methods       TEXT COLLATE "C" NOT NULL, -- of the sign-on, one a line
  multi_factor  BIGINT NOT NULL, -- 0 unsaid, 1 no, 2 yes
  agent         TEXT COLLATE "C" NOT NULL, -- the browser's name for itself
  address       TEXT COLLATE "C" NOT NULL, -- that they signed on from
  keep          BYTEA NOT NULL  -- of the plugin, sealed; empty is none
);
CREATE INDEX session_person ON session (person, started_at);
CREATE INDEX session_subject ON session (connection, subject);
CREATE INDEX session_index ON session (connection, session_index) WHERE session_index <> '';
CREATE INDEX session_ends ON session (ends_at);
CREATE INDEX session_seen ON session (seen_at);
CREATE INDEX session_started ON session (started_at, id);
