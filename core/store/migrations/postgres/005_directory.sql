-- +goose Up
-- Users, groups and what else a connection keeps, each with its attributes as
-- one JSON document. The columns beside it are what is looked for, compared or
-- listed without reading the document; whoever writes the document writes them.
-- A row with a deleted_at is a tombstone: its id stays taken, all else is free.
CREATE TABLE directory_resource (
  id           TEXT COLLATE "C" PRIMARY KEY,
  organization TEXT COLLATE "C" NOT NULL,
  connection   TEXT COLLATE "C" NOT NULL, -- '' of users that no connection provisions
  type         TEXT COLLATE "C" NOT NULL,
  external_id  TEXT COLLATE "C" NOT NULL, -- '' is none
  name         TEXT COLLATE "C" NOT NULL, -- folded userName of users, displayName of others
  namesake     TEXT COLLATE "C" NOT NULL, -- '' where nobody else may have the name, else the id
  display      TEXT COLLATE "C" NOT NULL, -- what people call it
  active       BIGINT NOT NULL,
  document     TEXT COLLATE "C" NOT NULL, -- '' of a tombstone that was purged
  version      BIGINT NOT NULL,
  created      BIGINT NOT NULL,
  modified     BIGINT NOT NULL,
  deleted_at   BIGINT
);
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
  organization TEXT COLLATE "C" NOT NULL,
  connection   TEXT COLLATE "C" NOT NULL,
  attribute    TEXT COLLATE "C" NOT NULL,
  value        TEXT COLLATE "C" NOT NULL,
  resource     TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization, connection, attribute, value, resource)
);
CREATE INDEX directory_value_resource ON directory_value (resource);

-- Who is a member of what. The memberships of a tombstone stay and count for
-- nothing.
CREATE TABLE directory_member (
  group_id    TEXT COLLATE "C" NOT NULL,
  member      TEXT COLLATE "C" NOT NULL,
  member_type TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (group_id, member)
);
CREATE INDEX directory_member_of ON directory_member (member, group_id);

-- How many resources there are, and how often that changed: the sum over the
-- shards, which let writers that know nothing of one another write side by side.
CREATE TABLE directory_count (
  organization TEXT COLLATE "C" NOT NULL,
  connection   TEXT COLLATE "C" NOT NULL,
  type         TEXT COLLATE "C" NOT NULL,
  shard        BIGINT NOT NULL,
  resources    BIGINT NOT NULL,
  changes      BIGINT NOT NULL,
  PRIMARY KEY (organization, connection, type, shard)
);
