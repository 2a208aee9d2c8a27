-- +goose Up
-- Users, groups and what else a connection keeps, each with its attributes as
-- one JSON document. The columns beside it are what is looked for, compared or
-- listed without reading the document; whoever writes the document writes them.
-- A row with a deleted_at is a tombstone: its id stays taken, all else is free.
CREATE TABLE directory_resource (
  id           TEXT PRIMARY KEY,
  organization TEXT NOT NULL,
  connection   TEXT NOT NULL, -- '' of users that no connection provisions
  type         TEXT NOT NULL,
  external_id  TEXT NOT NULL, -- '' is none
  name         TEXT NOT NULL, -- folded userName of users, displayName of others
  namesake     TEXT NOT NULL, -- '' where nobody else may have the name, else the id
  display      TEXT NOT NULL, -- what people call it
  active       INTEGER NOT NULL,
  document     TEXT NOT NULL, -- '' of a tombstone that was purged
  version      INTEGER NOT NULL,
  created      INTEGER NOT NULL,
  modified     INTEGER NOT NULL,
  deleted_at   INTEGER
) STRICT;
CREATE INDEX directory_resource_order ON directory_resource (organization, connection, type, created, id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX directory_resource_name ON directory_resource (organization, connection, type, name, namesake) WHERE deleted_at IS NULL;
CREATE INDEX directory_resource_external ON directory_resource (organization, connection, type, external_id)
  WHERE deleted_at IS NULL AND external_id <> '';
-- Only by its external id does a group that is made twice show.
CREATE UNIQUE INDEX directory_resource_external_once ON directory_resource (organization, connection, type, external_id)
  WHERE deleted_at IS NULL AND external_id <> '' AND type <> 'User';
CREATE INDEX directory_resource_deleted ON directory_resource (organization, connection, deleted_at) WHERE deleted_at IS NOT NULL;

-- Folded values of attributes that are often looked for, cut where an index
-- would have no room. Those of a tombstone are not here.
CREATE TABLE directory_value (
  organization TEXT NOT NULL,
  connection   TEXT NOT NULL,
  attribute    TEXT NOT NULL,
  value        TEXT NOT NULL,
  resource     TEXT NOT NULL,
  PRIMARY KEY (organization, connection, attribute, value, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX directory_value_resource ON directory_value (resource);

-- Who is a member of what. The memberships of a tombstone stay and count for
-- nothing.
CREATE TABLE directory_member (
  group_id    TEXT NOT NULL,
  member      TEXT NOT NULL,
  member_type TEXT NOT NULL,
  PRIMARY KEY (group_id, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX directory_member_of ON directory_member (member, group_id);

-- How many resources there are, and how often that changed: the sum over the
-- shards, which let writers that know nothing of one another write side by side.
CREATE TABLE directory_count (
  organization TEXT NOT NULL,
  connection   TEXT NOT NULL,
  type         TEXT NOT NULL,
  shard        INTEGER NOT NULL,
  resources    INTEGER NOT NULL,
  changes      INTEGER NOT NULL,
  PRIMARY KEY (organization, connection, type, shard)
) STRICT, WITHOUT ROWID;
