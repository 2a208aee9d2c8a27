-- +goose Up
-- Ids are text, times microseconds since 1970 by the host's clock, JSON is text.
-- Text is compared by its bytes, whatever the locale of the database.

-- What has changed, written in the change's own transaction: one tag a line.
CREATE TABLE change_log (
  seq  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tx   xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at   BIGINT NOT NULL,
  tags TEXT COLLATE "C" NOT NULL
);
CREATE INDEX change_log_tx ON change_log (tx);

-- The proof (canonical bytes and their leaf hash) and, apart from it, what may
-- be erased.
CREATE TABLE audit (
  seq       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id        TEXT COLLATE "C" NOT NULL UNIQUE,
  at        BIGINT NOT NULL,
  action    TEXT COLLATE "C" NOT NULL,
  canonical BYTEA NOT NULL,
  leaf      BYTEA NOT NULL
);

CREATE TABLE audit_payload (
  audit_id     TEXT COLLATE "C" PRIMARY KEY REFERENCES audit (id),
  organization TEXT COLLATE "C" NOT NULL,
  actor        TEXT COLLATE "C" NOT NULL,
  subject      TEXT COLLATE "C" NOT NULL,
  salt         BYTEA NOT NULL,
  payload      TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_payload_organization ON audit_payload (organization);

CREATE TABLE keyring_check (
  id    TEXT COLLATE "C" PRIMARY KEY,
  value BYTEA NOT NULL
);

CREATE TABLE keyring_key (
  id           TEXT COLLATE "C" PRIMARY KEY,
  purpose      TEXT COLLATE "C" NOT NULL,
  instance     TEXT COLLATE "C" NOT NULL,
  state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('next', 'active', 'retired')),
  algorithm    TEXT COLLATE "C" NOT NULL,
  created_at   BIGINT NOT NULL,
  activates_at BIGINT,
  retires_at   BIGINT,
  public       BYTEA,
  sealed       BYTEA NOT NULL
);
CREATE UNIQUE INDEX keyring_key_active ON keyring_key (purpose, instance) WHERE state = 'active';

CREATE TABLE config_revision (
  number     BIGINT PRIMARY KEY,
  created_at BIGINT NOT NULL,
  actor      TEXT COLLATE "C" NOT NULL,
  digest     TEXT COLLATE "C" NOT NULL,
  files      TEXT COLLATE "C" NOT NULL
);

CREATE TABLE client (
  id           TEXT COLLATE "C" PRIMARY KEY,
  organization TEXT COLLATE "C" NOT NULL,
  source       TEXT COLLATE "C" NOT NULL,
  instance     TEXT COLLATE "C" NOT NULL,
  name         TEXT COLLATE "C" NOT NULL,
  owner        TEXT COLLATE "C" NOT NULL,
  state        TEXT COLLATE "C" NOT NULL,
  scopes       TEXT COLLATE "C" NOT NULL,
  networks     TEXT COLLATE "C" NOT NULL,
  attributes   TEXT COLLATE "C" NOT NULL,
  rate         BIGINT,
  not_before   BIGINT,
  expires_at   BIGINT,
  version      BIGINT NOT NULL,
  created_at   BIGINT NOT NULL,
  updated_at   BIGINT NOT NULL
);
CREATE INDEX client_organization ON client (organization);
CREATE INDEX client_owner ON client (owner);

CREATE TABLE client_key (
  id             TEXT COLLATE "C" PRIMARY KEY,
  client_id      TEXT COLLATE "C" NOT NULL REFERENCES client (id),
  instance       TEXT COLLATE "C" NOT NULL,
  state          TEXT COLLATE "C" NOT NULL,
  verifier       BYTEA NOT NULL,
  hint           TEXT COLLATE "C" NOT NULL,
  not_before     BIGINT,
  expires_at     BIGINT,
  created_at     BIGINT NOT NULL,
  revoked_at     BIGINT,
  revoked_reason TEXT COLLATE "C" NOT NULL,
  last_used_at   BIGINT,
  last_used_from TEXT COLLATE "C" NOT NULL
);
CREATE INDEX client_key_client ON client_key (client_id);

-- Credentials without a record that are refused from now on.
CREATE TABLE revocation (
  instance   TEXT COLLATE "C" NOT NULL,
  id         TEXT COLLATE "C" NOT NULL,
  reason     TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (instance, id)
);

CREATE TABLE principal_grant (
  principal  TEXT COLLATE "C" NOT NULL,
  role       TEXT COLLATE "C" NOT NULL,
  source     TEXT COLLATE "C" NOT NULL,
  rule       TEXT COLLATE "C" NOT NULL,
  reason     TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  PRIMARY KEY (principal, role, source, rule)
);
CREATE INDEX principal_grant_role ON principal_grant (role);

CREATE TABLE admin_token (
  id           TEXT COLLATE "C" PRIMARY KEY,
  name         TEXT COLLATE "C" NOT NULL,
  scopes       TEXT COLLATE "C" NOT NULL,
  organization TEXT COLLATE "C" NOT NULL,
  verifier     BYTEA NOT NULL,
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT,
  revoked_at   BIGINT,
  last_used_at BIGINT
);

-- One row, written to find out whether writing works.
CREATE TABLE write_probe (
  id     TEXT COLLATE "C" PRIMARY KEY,
  writes BIGINT NOT NULL
);
