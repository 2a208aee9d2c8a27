-- +goose Up
-- What the admin API has answered to requests with an idempotency key. Key and
-- request are hashes; a body holds no secret. Without a status the end of the
-- request is not known.
CREATE TABLE admin_answer (
  actor      TEXT COLLATE "C" NOT NULL,
  key        TEXT COLLATE "C" NOT NULL,
  request    TEXT COLLATE "C" NOT NULL,
  status     BIGINT,
  body       TEXT COLLATE "C" NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (actor, key)
);
CREATE INDEX admin_answer_expires ON admin_answer (expires_at);
