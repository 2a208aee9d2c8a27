-- +goose Up
-- Keys that another system made: how it hashed them, whether the verifier is
-- still that hash, and a hash of what was imported, by which the same key is
-- known when it is imported again. A secret that comes without an id is found by
-- its lookup digest.
ALTER TABLE client_key ADD COLUMN imported TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE client_key ADD COLUMN foreign_hash BIGINT NOT NULL DEFAULT 0;
ALTER TABLE client_key ADD COLUMN origin BYTEA;
ALTER TABLE client_key ADD COLUMN lookup BYTEA;
CREATE UNIQUE INDEX client_key_origin ON client_key (origin);
CREATE UNIQUE INDEX client_key_lookup ON client_key (instance, lookup) WHERE state = 'live';
