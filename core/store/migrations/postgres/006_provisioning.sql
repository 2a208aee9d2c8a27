-- +goose Up
-- Tokens by which identity providers come in. Of the secret there is a keyed
-- hash only.
CREATE TABLE provisioning_token (
  id             TEXT COLLATE "C" PRIMARY KEY,
  connection     TEXT COLLATE "C" NOT NULL,
  organization   TEXT COLLATE "C" NOT NULL,
  name           TEXT COLLATE "C" NOT NULL,
  domains        TEXT COLLATE "C" NOT NULL,
  verifier       BYTEA NOT NULL,
  created_at     BIGINT NOT NULL,
  expires_at     BIGINT NOT NULL,
  revoked_at     BIGINT,
  last_used_at   BIGINT,
  last_used_from TEXT COLLATE "C" NOT NULL
);
CREATE INDEX provisioning_token_connection ON provisioning_token (connection);
CREATE INDEX provisioning_token_created ON provisioning_token (created_at);
CREATE INDEX provisioning_token_ending ON provisioning_token (expires_at) WHERE revoked_at IS NULL;

-- The brake counts who leaves a connection within a window. One window of a
-- connection at a time counts; those before it may have something to finish.
CREATE TABLE brake_window (
  id           TEXT COLLATE "C" PRIMARY KEY,
  connection   TEXT COLLATE "C" NOT NULL,
  organization TEXT COLLATE "C" NOT NULL,
  state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'tripped', 'finishing', 'restoring')),
  mode         TEXT COLLATE "C" NOT NULL,
  started_at   BIGINT NOT NULL,
  ends_at      BIGINT NOT NULL,
  active       BIGINT NOT NULL,
  allowed      BIGINT NOT NULL,
  leavers      BIGINT NOT NULL,
  tripped_at   BIGINT,
  actor        TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX brake_window_counting ON brake_window (connection) WHERE state IN ('open', 'tripped');
CREATE INDEX brake_window_state ON brake_window (state, ends_at);

-- Who left within a window: what is to be finished or restored. Who is held was
-- kept from leaving; who is back has returned by the IdP's doing.
CREATE TABLE brake_leaver (
  window_id  TEXT COLLATE "C" NOT NULL REFERENCES brake_window (id),
  user_id    TEXT COLLATE "C" NOT NULL,
  deleted    BIGINT NOT NULL,
  active     BIGINT NOT NULL,
  counted    BIGINT NOT NULL,
  state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('left', 'back', 'held', 'stuck')),
  problem    TEXT COLLATE "C" NOT NULL,
  at         BIGINT NOT NULL,
  PRIMARY KEY (window_id, user_id)
);
CREATE INDEX brake_leaver_user ON brake_leaver (user_id);
