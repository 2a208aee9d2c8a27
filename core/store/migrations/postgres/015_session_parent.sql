-- +goose Up
-- A session at another host than the public one belongs to one there: '' is none.
ALTER TABLE session ADD COLUMN parent TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX session_parent ON session (parent) WHERE parent <> '';
