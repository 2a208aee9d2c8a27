-- +goose Up
-- When the IdP was last asked about a session, 0 where it cannot be.
ALTER TABLE session ADD COLUMN refreshed_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX session_refreshed ON session (connection, refreshed_at, seen_at) WHERE refreshed_at > 0;
