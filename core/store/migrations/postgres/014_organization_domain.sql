-- +goose Up
-- E-mail domains that organizations claim at run time. Several may claim one;
-- one has proved it.
CREATE TABLE organization_domain (
  id           TEXT COLLATE "C" PRIMARY KEY,
  organization TEXT COLLATE "C" NOT NULL,
  name         TEXT COLLATE "C" NOT NULL, -- lower case, in A-labels
  challenge    TEXT COLLATE "C" NOT NULL, -- the text that proves it
  added_at     BIGINT NOT NULL,
  proved_at    BIGINT NOT NULL, -- 0: not yet
  proved_by    TEXT COLLATE "C" NOT NULL, -- 'dns', or the operator who vouched; '' not yet
  checked_at   BIGINT NOT NULL, -- when it was looked for last; 0 never
  failure      TEXT COLLATE "C" NOT NULL -- why it was not found then
);
CREATE UNIQUE INDEX organization_domain_claim ON organization_domain (organization, name);
CREATE UNIQUE INDEX organization_domain_proved ON organization_domain (name) WHERE proved_at <> 0;
