package apikey

import (
	"context"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

const (
	hmacKeyLeast       = 16 // bytes
	importedPrefixMost = 32
)

// How many slow hashes are computed at once, and how many wait for that. One of
// Argon2 may take 64 MiB, so that two of them beside what the collector has not
// taken yet could be more than the plugin may have.
const (
	bcryptWorkers = 2
	argon2Workers = 1
	slowWaiting   = 16
)

// importsBlock describes the block that lets keys be imported.
func importsBlock() schema.Block {
	return schema.Block{
		Name: "imported",
		Doc:  "Takes keys that another system has made and hashed (gatehouse keys import).",
		Schema: schema.Schema{Attributes: []schema.Attribute{
			{
				Name: "prefix", Type: schema.String, Default: "", Example: `"sk_live_"`,
				Doc: "How the secrets of imported keys begin: at most 32 letters, digits, dashes, dots and underscores. " +
					"Without it they are read from X-Client-Id and X-Client-Secret only, and not from HTTP Basic.",
			},
			{
				Name: "hmac_key", Type: schema.String, Sensitive: true, Example: `env("OLD_KEYS_HMAC")`,
				Doc: "The key of the other system's hashes, for those that are HMAC-SHA-256: 16 bytes or more, as text.",
			},
		}},
	}
}

// importSettings is the block's value.
type importSettings struct {
	Prefix  string `json:"prefix"`
	HMACKey string `json:"hmac_key"`
}

// imports is what an instance with the block needs beside its own keys.
type imports struct {
	prefix         string
	hmacKey        []byte
	bcrypt, argon2 *pool
}

func newImports(s importSettings, own string, known func(string) bool, ds *diag.Diagnostics) *imports {
	at := func(attribute string) diag.Path { return diag.Path{"imported", attribute} }
	odd := func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._", r)
	}
	switch {
	case !known("prefix"):
	case len(s.Prefix) > importedPrefixMost || strings.ContainsFunc(s.Prefix, odd):
		ds.Errorf(at("prefix"), "Unusable prefix", "A prefix is at most %d letters, digits, dashes, dots and underscores.", importedPrefixMost)
	case s.Prefix != "" && strings.HasPrefix(own+"_", s.Prefix), strings.HasPrefix(s.Prefix, own+"_"):
		ds.Errorf(at("prefix"), "Unusable prefix", "Secrets of our own begin with %q: imported ones could not be told from them.", own+"_")
	}
	if known("hmac_key") && s.HMACKey != "" && len(s.HMACKey) < hmacKeyLeast {
		ds.Errorf(at("hmac_key"), "Unusable key", "The key of HMACs has %d bytes or more.", hmacKeyLeast)
	}
	return &imports{
		prefix: s.Prefix, hmacKey: []byte(s.HMACKey),
		bcrypt: newPool(bcryptWorkers, slowWaiting), argon2: newPool(argon2Workers, slowWaiting),
	}
}

// takes reports whether a secret can be an imported one. A nil imports takes
// none.
func (m *imports) takes(presented secret.Text) bool {
	return m != nil && presented != "" && strings.HasPrefix(presented.Reveal(), m.prefix)
}

// match finds the record whose imported hash fits the secret; -1 is none. Those
// that are fast come first: nobody waits for a slow one who need not.
func (m *imports) match(ctx context.Context, records []authn.Record, presented secret.Text) (int, error) {
	for _, slow := range []bool{false, true} {
		for i, record := range records {
			f, ok := stored(record.Verifier)
			if !ok || f.slow() != slow {
				continue
			}
			fits, err := m.fits(ctx, f, presented)
			if err != nil {
				return -1, err
			}
			if fits {
				return i, nil
			}
		}
	}
	return -1, nil
}

func (m *imports) fits(ctx context.Context, f foreign, presented secret.Text) (bool, error) {
	check := func() bool { return f.fits(presented, m.hmacKey) }
	switch f.scheme {
	case schemeBcrypt:
		return m.bcrypt.do(ctx, check)
	case schemeArgon2:
		return m.argon2.do(ctx, check)
	}
	return check(), nil
}

// Import makes verifiers of hashes that another system made.
func (a *apikeys) Import(_ context.Context, hashes []string) ([]authn.Imported, error) {
	if a.imports == nil {
		return nil, problem.New(problem.Unsupported, "this authenticator is not configured to take keys that were hashed elsewhere").
			WithHint("put a block imported {} into it")
	}
	out := make([]authn.Imported, len(hashes))
	for i, text := range hashes {
		f, err := parseForeign(text)
		switch {
		case err != nil:
			out[i].Problem = err.Error()
		case f.scheme == schemeHMAC && len(a.imports.hmacKey) == 0:
			out[i].Problem = "it is an HMAC, and the authenticator's block imported {} has no hmac_key"
		default:
			out[i] = authn.Imported{Scheme: f.scheme, Verifier: append([]byte{foreignVersion}, f.String()...)}
		}
	}
	return out, nil
}
