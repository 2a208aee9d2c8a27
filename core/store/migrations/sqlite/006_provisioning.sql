-- +goose Up
-- Tokens by which identity providers come in. Of the secret there is a keyed
-- hash only.
CREATE TABLE provisioning_token (
  id             TEXT PRIMARY KEY,
  connection     TEXT NOT NULL,
  organization   TEXT NOT NULL,
  name           TEXT NOT NULL,
  domains        TEXT NOT NULL,
  verifier       BLOB NOT NULL,
  created_at     INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  revoked_at     INTEGER,
  last_used_at   INTEGER,
  last_used_from TEXT NOT NULL
) STRICT;
CREATE INDEX provisioning_token_connection ON provisioning_token (connection);
CREATE INDEX provisioning_token_created ON provisioning_token (created_at);
CREATE INDEX provisioning_token_ending ON provisioning_token (expires_at) WHERE revoked_at IS NULL;

-- The brake counts who leaves a connection within a window. One window of a
-- connection at a time counts; those before it may have something to finish.
CREATE TABLE brake_window (
  id           TEXT PRIMARY KEY,
  connection   TEXT NOT NULL,
  organization TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('open', 'tripped', 'finishing', 'restoring')),
  mode         TEXT NOT NULL,
  started_at   INTEGER NOT NULL,
  ends_at      INTEGER NOT NULL,
  active       INTEGER NOT NULL,
  allowed      INTEGER NOT NULL,
  leavers      INTEGER NOT NULL,
  tripped_at   INTEGER,
  actor        TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX brake_window_counting ON brake_window (connection) WHERE state IN ('open', 'tripped');
CREATE INDEX brake_window_state ON brake_window (state, ends_at);

-- Who left within a window: what is to be finished or restored. Who is held was
-- kept from leaving; who is back has returned by the IdP's doing.
CREATE TABLE brake_leaver (
  window_id  TEXT NOT NULL REFERENCES brake_window (id),
  user_id    TEXT NOT NULL,
  deleted    INTEGER NOT NULL,
  active     INTEGER NOT NULL,
  counted    INTEGER NOT NULL,
  state      TEXT NOT NULL CHECK (state IN ('left', 'back', 'held', 'stuck')),
  problem    TEXT NOT NULL,
  at         INTEGER NOT NULL,
  PRIMARY KEY (window_id, user_id)
) STRICT;
CREATE INDEX brake_leaver_user ON brake_leaver (user_id);
