// Package apikey is the authenticator of API keys: a client's id with its
// secret in two headers, the same pair as HTTP Basic, or the secret alone as a
// bearer token.
//
// The host keeps a record for each secret with a verifier, a keyed hash that is
// made and compared here. The package knows nothing of who a client is, whether
// it is still live, or from where it may come: the host has looked at that
// before it asks.
package apikey

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

const defaultPrefix = "ghk"

// hintLength is how many characters of the record's id a hint shows.
const hintLength = 6

// Plugin describes the plugin, for plugin.Serve.
func Plugin() plugin.Plugin {
	return plugin.Plugin{
		Name:    "apikey",
		Version: "1.0.0",
		Programs: []authn.ProgramKind{{
			Name: "apikey",
			Doc: "API keys of programs: X-Client-Id with X-Client-Secret, the same pair as HTTP Basic, " +
				"or the secret alone as a bearer token.",
			Schema: schema.Schema{Attributes: []schema.Attribute{{
				Name: "prefix", Type: schema.String, Default: defaultPrefix, Example: `"acme"`,
				Doc: "How secrets begin, so that people and scanners recognise them: 2 to 16 lower case letters and digits, " +
					"a letter first. Secrets that were made with another prefix are refused.",
			}}, Blocks: []schema.Block{importsBlock()}},
			Credentials: credentials(defaultPrefix),
			Records:     authn.RecordsHost,
			Imports:     true,
			New: func(_ context.Context, c instance.Config) (authn.Programs, diag.Diagnostics) {
				return newInstance(c, rand.Reader)
			},
		}},
	}
}

// credentials are the three ways in which a secret with this prefix comes. Of
// a secret alone, the id of its record is the part after the prefix.
func credentials(prefix string) []authn.Credential {
	return []authn.Credential{
		authn.InHeaders("X-Client-Id", "X-Client-Secret", prefix).WithChecksum(),
		authn.InBasic(prefix).WithChecksum(),
		authn.InBearer(prefix).WithChecksum().WithID("^" + prefix + "_([0-9A-Za-z]{1,64})_"),
	}
}

// apikeys is one instance.
type apikeys struct {
	name    string
	prefix  string
	keys    *keyset
	imports *imports // nil: none can be imported
	random  io.Reader
	log     *slog.Logger
	warned  sync.Once
}

var (
	_ authn.Programs         = (*apikeys)(nil)
	_ authn.Issuer           = (*apikeys)(nil)
	_ authn.Importer         = (*apikeys)(nil)
	_ authn.Locator          = (*apikeys)(nil)
	_ authn.CredentialReader = (*apikeys)(nil)
)

func newInstance(c instance.Config, random io.Reader) (authn.Programs, diag.Diagnostics) {
	settings := struct {
		Prefix   string          `json:"prefix"`
		Imported *importSettings `json:"imported"`
	}{Prefix: defaultPrefix}
	ds := c.Decode(&settings)
	if ds.HasErrors() {
		return nil, ds
	}
	if c.IsUnknown("prefix") {
		settings.Prefix = defaultPrefix
	}
	if !secret.ValidPrefix(settings.Prefix) {
		ds.Errorf(diag.Path{"prefix"}, "Unusable prefix",
			"A prefix is 2 to 16 lower case letters and digits, and begins with a letter, such as %q.", defaultPrefix)
		return nil, ds
	}
	var imported *imports
	if settings.Imported != nil {
		known := func(attribute string) bool { return !c.IsUnknown("imported." + attribute) }
		if imported = newImports(*settings.Imported, settings.Prefix, known, &ds); ds.HasErrors() {
			return nil, ds
		}
	}
	keys, err := newKeyset(c.Name, c.Keys)
	if err != nil && !c.ValidateOnly {
		ds.Errorf(nil, "Unusable keys", "The host gave this instance keys that cannot be used: %v.", err)
		return nil, ds
	}
	return &apikeys{name: c.Name, prefix: settings.Prefix, keys: keys, imports: imported, random: random, log: c.Logger}, ds
}

// Credentials are those that are described, with this instance's prefix, and
// those of imported keys.
func (a *apikeys) Credentials() []authn.Credential {
	list := credentials(a.prefix)
	if a.imports == nil {
		return list
	}
	return append(list, a.imports.credentials()...)
}

// Verify finds the record whose secret this is.
//
// What it does, and for how long, must not tell whether an id exists or how
// near a guess came. A text that is no secret of ours is refused at once: its
// sender can compute that too. From there on the work is the same whatever
// matches: one keyed hash and one constant-time comparison for each record,
// with no early end, also for a verifier that is broken or names a key that is
// gone. Only who presents the right secret of a record with an old key waits
// for one hash more. The length of the presented secret counts, but it is the
// sender's own.
//
// A record that was imported and not used since is told apart by time: that is
// the price of its hash, and ends with its first use, when it gets a verifier
// like all others.
func (a *apikeys) Verify(ctx context.Context, r authn.VerifyRequest) (authn.VerifyResponse, error) {
	prefix, _, malformed := secret.Parse(r.Secret)
	imported := a.imports.takes(r.Secret)
	if (malformed != nil || prefix != a.prefix) && !imported {
		return authn.Refuse(authn.Malformed), nil
	}
	matched, old, unusable := -1, false, false
	for i, record := range r.Records {
		is := a.keys.compare(record, r.Secret)
		if is.equal {
			matched, old = i, is.oldKey
		}
		unusable = unusable || (is.unusable && !isForeign(record.Verifier))
	}
	if unusable {
		a.warned.Do(func() {
			a.log.WarnContext(ctx, "a stored verifier is broken or was made with a key that is gone: its secret does not work any more; rotate it")
		})
	}
	if matched < 0 && imported {
		var err error
		if matched, err = a.imports.match(ctx, r.Records, r.Secret); err != nil {
			return authn.VerifyResponse{}, err
		}
		old = matched >= 0
	}
	if matched < 0 {
		return authn.Refuse(authn.WrongSecret), nil
	}
	answer := authn.Accept(r.Records[matched].ID)
	if old {
		answer.NewVerifier = a.keys.verifier(answer.RecordID, r.Secret)
	}
	return answer, nil
}

// Issue makes a secret for a record. Its hint is the prefix and the beginning
// of the record's id: both are public, so that a list of keys gives away no
// character of the random part, nor of the checksum over it.
func (a *apikeys) Issue(_ context.Context, r authn.IssueRequest) (authn.IssueResponse, error) {
	made, err := secret.New(a.random, a.prefix, r.RecordID)
	if err != nil {
		return authn.IssueResponse{}, fmt.Errorf("making a secret: %w", err)
	}
	hint := a.prefix + "_" + r.RecordID[:min(len(r.RecordID), hintLength)] + "…"
	return authn.IssueResponse{Secret: made, Verifier: a.keys.verifier(r.RecordID, made), Hint: hint}, nil
}
