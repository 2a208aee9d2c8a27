-- +goose Up
-- Ids that count once, of an instance of a plugin, by their SHA-256.
CREATE TABLE plugin_once (
  instance TEXT NOT NULL,
  kind     TEXT NOT NULL,
  id       BLOB NOT NULL,
  until_at INTEGER NOT NULL,
  PRIMARY KEY (instance, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX plugin_once_until ON plugin_once (until_at);

-- A few small blobs of each instance of a plugin.
CREATE TABLE plugin_blob (
  instance   TEXT NOT NULL,
  name       TEXT NOT NULL,
  version    INTEGER NOT NULL,
  sealed     BLOB NOT NULL,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (instance, name)
) STRICT;

-- Key pairs of instances of plugins. The private half is sealed for its row.
CREATE TABLE keyring_pair (
  id           TEXT PRIMARY KEY,
  instance     TEXT NOT NULL,
  purpose      TEXT NOT NULL CHECK (purpose IN ('sign', 'decrypt')),
  state        TEXT NOT NULL CHECK (state IN ('next', 'active', 'retired')),
  certificate  BLOB NOT NULL, -- X.509, DER
  sealed       BLOB NOT NULL,
  created_at   INTEGER NOT NULL,
  activates_at INTEGER NOT NULL,
  retires_at   INTEGER
) STRICT;
CREATE INDEX keyring_pair_instance ON keyring_pair (instance, purpose);
