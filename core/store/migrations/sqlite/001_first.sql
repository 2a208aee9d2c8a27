-- +goose Up
-- Ids are text, times microseconds since 1970 by the host's clock, JSON is text.
-- Text is compared by its bytes, whatever the locale of the database.

-- What has changed, written in the change's own transaction: one tag a line.
CREATE TABLE change_log (
  seq  INTEGER PRIMARY KEY AUTOINCREMENT,
  tx   INTEGER NOT NULL DEFAULT 0,
  at   INTEGER NOT NULL,
  tags TEXT NOT NULL
) STRICT;

-- The proof (canonical bytes and their leaf hash) and, apart from it, what may
-- be erased.
CREATE TABLE audit (
  seq       INTEGER PRIMARY KEY AUTOINCREMENT,
  id        TEXT NOT NULL UNIQUE,
  at        INTEGER NOT NULL,
  action    TEXT NOT NULL,
  canonical BLOB NOT NULL,
  leaf      BLOB NOT NULL
) STRICT;

CREATE TABLE audit_payload (
  audit_id     TEXT PRIMARY KEY REFERENCES audit (id),
  organization TEXT NOT NULL,
  actor        TEXT NOT NULL,
  subject      TEXT NOT NULL,
  salt         BLOB NOT NULL,
  payload      TEXT NOT NULL
) STRICT;
CREATE INDEX audit_payload_organization ON audit_payload (organization);

CREATE TABLE keyring_check (
  id    TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT;

CREATE TABLE keyring_key (
  id           TEXT PRIMARY KEY,
  purpose      TEXT NOT NULL,
  instance     TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('next', 'active', 'retired')),
  algorithm    TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  activates_at INTEGER,
  retires_at   INTEGER,
  public       BLOB,
  sealed       BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX keyring_key_active ON keyring_key (purpose, instance) WHERE state = 'active';

CREATE TABLE config_revision (
  number     INTEGER PRIMARY KEY,
  created_at INTEGER NOT NULL,
  actor      TEXT NOT NULL,
  digest     TEXT NOT NULL,
  files      TEXT NOT NULL
) STRICT;

CREATE TABLE client (
  id           TEXT PRIMARY KEY,
  organization TEXT NOT NULL,
  source       TEXT NOT NULL,
  instance     TEXT NOT NULL,
  name         TEXT NOT NULL,
  owner        TEXT NOT NULL,
  state        TEXT NOT NULL,
  scopes       TEXT NOT NULL,
  networks     TEXT NOT NULL,
  attributes   TEXT NOT NULL,
  rate         INTEGER,
  not_before   INTEGER,
  expires_at   INTEGER,
  version      INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX client_organization ON client (organization);
CREATE INDEX client_owner ON client (owner);

CREATE TABLE client_key (
  id             TEXT PRIMARY KEY,
  client_id      TEXT NOT NULL REFERENCES client (id),
  instance       TEXT NOT NULL,
  state          TEXT NOT NULL,
  verifier       BLOB NOT NULL,
  hint           TEXT NOT NULL,
  not_before     INTEGER,
  expires_at     INTEGER,
  created_at     INTEGER NOT NULL,
  revoked_at     INTEGER,
  revoked_reason TEXT NOT NULL,
  last_used_at   INTEGER,
  last_used_from TEXT NOT NULL
) STRICT;
CREATE INDEX client_key_client ON client_key (client_id);

-- Credentials without a record that are refused from now on.
CREATE TABLE revocation (
  instance   TEXT NOT NULL,
  id         TEXT NOT NULL,
  reason     TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (instance, id)
) STRICT;

CREATE TABLE principal_grant (
  principal  TEXT NOT NULL,
  role       TEXT NOT NULL,
  source     TEXT NOT NULL,
  rule       TEXT NOT NULL,
  reason     TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  PRIMARY KEY (principal, role, source, rule)
) STRICT;
CREATE INDEX principal_grant_role ON principal_grant (role);

CREATE TABLE admin_token (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL,
  scopes       TEXT NOT NULL,
  organization TEXT NOT NULL,
  verifier     BLOB NOT NULL,
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER,
  revoked_at   INTEGER,
  last_used_at INTEGER
) STRICT;

-- One row, written to find out whether writing works.
CREATE TABLE write_probe (
  id     TEXT PRIMARY KEY,
  writes INTEGER NOT NULL
) STRICT;
