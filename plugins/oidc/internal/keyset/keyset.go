// Package keyset has the public keys of an OpenID provider, and verifies
// signatures with them (OpenID Connect Core 1.0 §10.1). A key that nobody knows has
// the set fetched anew, since providers rotate their keys, but not for everybody who
// makes one up: https://github.com/coreos/go-oidc/issues/332 tells what that does.
package keyset

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/kept"
)

// Every is how soon the set is fetched again for a key that is not in it, after it
// was fetched in vain.
const Every = 30 * time.Second

// triesMost bounds how many keys a signature is verified with that does not say its
// key's id.
const triesMost = 10

// Why a signature is not verified.
var (
	ErrUnknownKey = errors.New("the identity provider has no such key")
	ErrSignature  = errors.New("the signature is not of the identity provider's key")
)

// Options are what a Set is made from.
type Options struct {
	Name   string // of what is kept in the store
	URL    string // jwks_uri
	Store  kept.Store
	Clock  func() time.Time
	Logger *slog.Logger

	// Fetch gets a document from an address, and how long it may be kept; 0 is unsaid.
	Fetch func(ctx context.Context, url string) ([]byte, time.Duration, error)
}

// Set is the keys behind one address. It is for use by many at once.
type Set struct{ keys *kept.Document[[]key] }

// New returns a set whose keys are fetched when they are first needed.
func New(o Options) *Set {
	return &Set{kept.New(kept.Options[[]key]{
		Name: o.Name, Of: o.URL, Every: Every, Store: o.Store, Clock: o.Clock, Logger: o.Logger, Read: read,
		Fetch: func(ctx context.Context) ([]byte, time.Duration, error) { return o.Fetch(ctx, o.URL) },
	})}
}

// Verify verifies a signature and returns what is signed. The id of the key is "" where
// the message does not say it. It fails with ErrUnknownKey and ErrSignature;
// any other error means that the keys could not be had.
func (s *Set) Verify(ctx context.Context, signed *jose.JSONWebSignature, algorithm, keyID string) ([]byte, error) {
	got, err := s.keys.Get(ctx)
	if err != nil {
		return nil, err
	}
	payload, err := verify(signed, got.Value, algorithm, keyID)
	if err == nil {
		s.keys.Useful(got)
		return payload, nil
	}
	if !errors.Is(err, ErrUnknownKey) && keyID != "" {
		return nil, err // a key that is known has no newer one by its name
	}
	newer, ok, failure := s.keys.Again(ctx, got)
	switch {
	case failure != nil:
		return nil, failure
	case !ok:
		return nil, err
	}
	if payload, err = verify(signed, newer.Value, algorithm, keyID); err == nil {
		s.keys.Useful(newer)
	}
	return payload, err
}

// verify tries the keys that can have made a signature.
func verify(signed *jose.JSONWebSignature, keys []key, algorithm, keyID string) ([]byte, error) {
	err := ErrUnknownKey
	tries := 0
	for _, k := range keys {
		if keyID != "" && k.id != keyID || !slices.Contains(k.algorithms, algorithm) {
			continue
		}
		if tries++; tries > triesMost {
			break
		}
		err = ErrSignature
		if payload, failure := signed.Verify(k.public); failure == nil {
			return payload, nil
		}
	}
	return nil, err
}
