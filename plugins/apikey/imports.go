package apikey

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"net/textproto"
	"regexp"
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
				Name: "secret_headers", Type: schema.Strings, Example: `["Authorization", "X-API-Key"]`,
				Doc: "Headers in which a secret comes without an id: Authorization (as a bearer token), or others, which are then taken from every request. " +
					"Its record is found by a digest. Needs prefix.",
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

	SecretHeaders []string `json:"secret_headers"`
}

// imports is what an instance with the block needs beside its own keys.
type imports struct {
	prefix         string
	alone          []string // headers in which a secret comes without an id
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
	if known("secret_headers") && len(s.SecretHeaders) > 0 {
		checkHeaders(s, at("secret_headers"), known("prefix"), ds)
	}
	if known("hmac_key") && s.HMACKey != "" && len(s.HMACKey) < hmacKeyLeast {
		ds.Errorf(at("hmac_key"), "Unusable key", "The key of HMACs has %d bytes or more.", hmacKeyLeast)
	}
	return &imports{
		prefix: s.Prefix, alone: s.SecretHeaders, hmacKey: []byte(s.HMACKey),
		bcrypt: newPool(bcryptWorkers, slowWaiting), argon2: newPool(argon2Workers, slowWaiting),
	}
}

// headerName is what the name of a header of secrets looks like.
var headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

const headersMost = 4

func checkHeaders(s importSettings, at diag.Path, knownPrefix bool, ds *diag.Diagnostics) {
	if knownPrefix && s.Prefix == "" {
		ds.Errorf(at, "No prefix", "Secrets without an id are told from the application's own by their prefix: set it.")
	}
	seen := map[string]bool{"X-Client-Id": true, "X-Client-Secret": true}
	for _, name := range s.SecretHeaders {
		if canonical := textproto.CanonicalMIMEHeaderKey(name); !headerName.MatchString(name) || seen[canonical] || len(s.SecretHeaders) > headersMost {
			ds.Errorf(at, "Unusable header", "These are at most %d names of headers, each once, and not X-Client-Id and X-Client-Secret.", headersMost)
			return
		} else {
			seen[canonical] = true
		}
	}
}

// credentials are those in which imported secrets come.
func (m *imports) credentials() []authn.Credential {
	list := []authn.Credential{authn.InHeaders("X-Client-Id", "X-Client-Secret", m.prefix)}
	if m.prefix == "" {
		return list
	}
	list = append(list, authn.InBasic(m.prefix))
	for _, name := range m.alone {
		if strings.EqualFold(name, "Authorization") {
			list = append(list, authn.InBearer(m.prefix).FoundByDigest())
		} else {
			list = append(list, authn.InHeader(name, m.prefix).FoundByDigest())
		}
	}
	return list
}

// lookup is the digest under which the record of a secret is found, made from
// the other system's sum of it.
func lookup(instance, scheme string, sum []byte) []byte {
	h := sha256.New()
	h.Write(appendPart(appendPart([]byte("gatehouse apikey lookup 1\x00"), instance), scheme))
	h.Write(sum)
	return h.Sum(nil)
}

// Locate makes the digests of a secret: one for each scheme of which they can be
// made without the record.
func (a *apikeys) Locate(_ context.Context, presented secret.Text) ([][]byte, error) {
	if a.imports == nil {
		return nil, problem.New(problem.Unsupported, "this authenticator takes no keys that were hashed elsewhere")
	}
	sum := sha256.Sum256([]byte(presented.Reveal()))
	digests := [][]byte{lookup(a.name, schemeSHA256, sum[:])}
	if len(a.imports.hmacKey) > 0 {
		mac := hmac.New(sha256.New, a.imports.hmacKey)
		mac.Write([]byte(presented.Reveal()))
		digests = append(digests, lookup(a.name, schemeHMAC, mac.Sum(nil)))
	}
	return digests, nil
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
			if !f.slow() && f.salt == nil {
				out[i].Digest = lookup(a.name, f.scheme, f.sum)
			}
		}
	}
	return out, nil
}
