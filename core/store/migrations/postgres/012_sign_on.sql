-- +goose Up
-- Which user of the directory an IdP means by its own name for somebody. A user
-- has one such name for each authenticator.
CREATE TABLE sign_on_pin (
  instance     TEXT COLLATE "C" NOT NULL, -- of the authenticator: connection/kind
  issuer       TEXT COLLATE "C" NOT NULL,
  subject      TEXT COLLATE "C" NOT NULL,
  organization TEXT COLLATE "C" NOT NULL,
  person       TEXT COLLATE "C" NOT NULL, -- id of the user
  pinned_at    BIGINT NOT NULL,
  PRIMARY KEY (instance, issuer, subject)
);
CREATE UNIQUE INDEX sign_on_pin_person ON sign_on_pin (instance, person);
