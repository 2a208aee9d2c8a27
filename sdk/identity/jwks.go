package identity

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

const (
	fetchTimeout = 5 * time.Second
	maxJWKS      = 64 << 10 // bytes
	maxKeys      = 64

	// How long fetched keys count, whatever Cache-Control says: long enough
	// that a short max-age is no load, short enough that a key which was taken
	// back stops.
	minLifetime     = 30 * time.Second
	maxLifetimeKeys = time.Hour
	defaultLifetime = 5 * time.Minute
)

// keysByID are public keys by kid.
type keysByID map[string]ed25519.PublicKey

// fetcher gets a JWKS document over HTTP.
type fetcher struct {
	url    string
	client *http.Client
}

// fetch returns the keys and for how long they count.
func (f fetcher) fetch(ctx context.Context) (keysByID, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("%s answers %s", f.url, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxJWKS+1))
	if err != nil {
		return nil, 0, fmt.Errorf("reading %s: %w", f.url, err)
	}
	keys, err := parseJWKS(body)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", f.url, err)
	}
	return keys, lifetime(resp.Header), nil
}

// parseJWKS reads the Ed25519 keys of a JWKS document. Keys of other kinds are
// left out (RFC 7517 §5); a private key, a kid used twice, or no key at all
// makes the whole document wrong.
func parseJWKS(document []byte) (keysByID, error) {
	if len(document) > maxJWKS {
		return nil, fmt.Errorf("over the limit of %d bytes", maxJWKS)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("not a JWKS document: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%d keys, over the limit of %d", len(set.Keys), maxKeys)
	}
	keys := keysByID{}
	for i, raw := range set.Keys {
		id, key, err := parseJWK(raw)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i, err)
		}
		if key == nil {
			continue
		}
		if _, taken := keys[id]; taken {
			return nil, fmt.Errorf("two keys have the kid %q", id)
		}
		keys[id] = key
	}
	if len(keys) == 0 {
		return nil, errors.New("no Ed25519 key in it")
	}
	return keys, nil
}

// parseJWK returns a nil key for one of another kind or use.
func parseJWK(raw []byte) (id string, key ed25519.PublicKey, err error) {
	var kind struct {
		Type  string `json:"kty"`
		Curve string `json:"crv"`
		Use   string `json:"use"`
		ID    string `json:"kid"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return "", nil, err
	}
	if kind.Type != "OKP" || kind.Curve != "Ed25519" || (kind.Use != "" && kind.Use != "sig") || kind.ID == "" {
		return "", nil, nil
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(raw); err != nil {
		return "", nil, err
	}
	key, ok := jwk.Key.(ed25519.PublicKey)
	if !ok || !jwk.Valid() {
		return "", nil, fmt.Errorf("%q is not a valid public key", kind.ID)
	}
	return kind.ID, key, nil
}

// lifetime is how long an answer may be kept (RFC 9111 §4.2), within bounds.
func lifetime(h http.Header) time.Duration {
	d := defaultLifetime
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return minLifetime
		case "max-age":
			d = seconds(value) - seconds(h.Get("Age"))
		}
	}
	return min(max(d, minLifetime), maxLifetimeKeys)
}

// seconds reads delta-seconds (RFC 9111 §1.2.2); what is none counts as 0.
func seconds(text string) time.Duration {
	n, err := strconv.ParseUint(strings.Trim(text, `"`), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}
