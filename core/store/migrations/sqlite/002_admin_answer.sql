-- +goose Up
-- What the admin API has answered to requests with an idempotency key. Key and
-- request are hashes; a body holds no secret. Without a status the end of the
-- request is not known.
CREATE TABLE admin_answer (
  actor      TEXT NOT NULL,
  key        TEXT NOT NULL,
  request    TEXT NOT NULL,
  status     INTEGER,
  body       TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (actor, key)
) STRICT;
CREATE INDEX admin_answer_expires ON admin_answer (expires_at);
