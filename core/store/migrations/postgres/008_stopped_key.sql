-- +goose Up
-- When a live key was stopped, because the user who owns its client left.
ALTER TABLE client_key ADD COLUMN stopped_at BIGINT;
