-- +goose Up
-- Which user of the directory an IdP means by its own name for somebody. A user
-- has one such name for each authenticator.
CREATE TABLE sign_on_pin (
  instance     TEXT NOT NULL, -- of the authenticator: connection/kind
  issuer       TEXT NOT NULL,
  subject      TEXT NOT NULL,
  organization TEXT NOT NULL,
  person       TEXT NOT NULL, -- id of the user
  pinned_at    INTEGER NOT NULL,
  PRIMARY KEY (instance, issuer, subject)
) STRICT;
CREATE UNIQUE INDEX sign_on_pin_person ON sign_on_pin (instance, person);
