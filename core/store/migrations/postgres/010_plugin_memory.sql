-- +goose Up
-- Ids that count once, of an instance of a plugin, by their SHA-256.
CREATE TABLE plugin_once (
  instance TEXT COLLATE "C" NOT NULL,
  kind     TEXT COLLATE "C" NOT NULL,
  id       BYTEA NOT NULL,
  until_at BIGINT NOT NULL,
  PRIMARY KEY (instance, kind, id)
);
CREATE INDEX plugin_once_until ON plugin_once (until_at);

-- A few small blobs of each instance of a plugin.
CREATE TABLE plugin_blob (
  instance   TEXT COLLATE "C" NOT NULL,
  name       TEXT COLLATE "C" NOT NULL,
  version    BIGINT NOT NULL,
  sealed     BYTEA NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (instance, name)
);

-- Key pairs of instances of plugins. The private half is sealed for its row.
CREATE TABLE keyring_pair (
  id           TEXT COLLATE "C" PRIMARY KEY,
  instance     TEXT COLLATE "C" NOT NULL,
  purpose      TEXT COLLATE "C" NOT NULL CHECK (purpose IN ('sign', 'decrypt')),
  state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('next', 'active', 'retired')),
  certificate  BYTEA NOT NULL, -- X.509, DER
  sealed       BYTEA NOT NULL,
  created_at   BIGINT NOT NULL,
  activates_at BIGINT NOT NULL,
  retires_at   BIGINT
);
CREATE INDEX keyring_pair_instance ON keyring_pair (instance, purpose);
