-- +goose Up
-- E-mail domains that organizations claim at run time. Several may claim one;
-- one has proved it.
CREATE TABLE organization_domain (
  id           TEXT PRIMARY KEY,
  organization TEXT NOT NULL,
  name         TEXT NOT NULL, -- lower case, in A-labels
  challenge    TEXT NOT NULL, -- the text that proves it
  added_at     INTEGER NOT NULL,
  proved_at    INTEGER NOT NULL, -- 0: not yet
  proved_by    TEXT NOT NULL,    -- 'dns', or the operator who vouched; '' not yet
  checked_at   INTEGER NOT NULL, -- when it was looked for last; 0 never
  failure      TEXT NOT NULL     -- why it was not found then
) STRICT;
CREATE UNIQUE INDEX organization_domain_claim ON organization_domain (organization, name);
CREATE UNIQUE INDEX organization_domain_proved ON organization_domain (name) WHERE proved_at <> 0;
