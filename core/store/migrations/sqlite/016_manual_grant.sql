-- +goose Up
-- Whose principal it is: the last grant of a protected role is kept in each
-- organization.
ALTER TABLE principal_grant ADD COLUMN organization TEXT NOT NULL DEFAULT '';
UPDATE principal_grant SET organization = COALESCE(
  (SELECT c.organization FROM client c WHERE c.id = substr(principal_grant.principal, 8) AND principal_grant.principal LIKE 'client:%'),
  (SELECT r.organization FROM directory_resource r WHERE r.id = substr(principal_grant.principal, 6) AND principal_grant.principal LIKE 'user:%'),
  '');
-- By whom, where a person gave it: '' is a rule.
ALTER TABLE principal_grant ADD COLUMN given_by TEXT NOT NULL DEFAULT '';
-- Since when it stands only because it is the last of a protected role, and what
-- would have taken it.
ALTER TABLE principal_grant ADD COLUMN kept_at INTEGER;
ALTER TABLE principal_grant ADD COLUMN kept_from TEXT NOT NULL DEFAULT '';

DROP INDEX principal_grant_role;
CREATE INDEX principal_grant_holder ON principal_grant (role, organization, principal);
CREATE INDEX principal_grant_end ON principal_grant (expires_at) WHERE expires_at IS NOT NULL AND kept_at IS NULL;
CREATE INDEX principal_grant_kept ON principal_grant (role, organization) WHERE kept_at IS NOT NULL;

-- The roles that the configuration in force protects.
CREATE TABLE protected_role (
  role TEXT PRIMARY KEY
) STRICT;

-- Whether the configuration in force has the connection: whose was taken away has
-- no access.
ALTER TABLE grant_rules ADD COLUMN configured INTEGER NOT NULL DEFAULT 1 CHECK (configured IN (0, 1));
