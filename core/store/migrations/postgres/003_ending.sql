-- +goose Up
-- What ends soon is found by its end.
CREATE INDEX client_key_ending ON client_key (expires_at) WHERE state = 'live';
CREATE INDEX client_ending ON client (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX admin_token_ending ON admin_token (expires_at) WHERE revoked_at IS NULL;
