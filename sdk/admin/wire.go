package admin

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Duration is a time span that is written as Go writes it, such as "24h" or
// "1h30m".
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration such as \"24h\"", text)
	}
	*d = Duration(parsed)
	return nil
}

// Client is a program that calls the application with keys.
type Client struct {
	ID            string         `json:"id"`
	Organization  string         `json:"organization" doc:"label"`
	Name          string         `json:"name,omitempty"`
	Source        string         `json:"source" doc:"\"file\": a client block declares it; \"api\""`
	Authenticator string         `json:"authenticator"`
	Owner         string         `json:"owner" doc:"\"organization\", or \"user:\" and an id"`
	State         string         `json:"state" doc:"\"active\" or \"suspended\""`
	Scopes        []string       `json:"scopes,omitempty" doc:"permissions that it is held to; none does not restrict"`
	Networks      []netip.Prefix `json:"networks,omitempty" doc:"where it may call from; none is everywhere"`
	Rate          string         `json:"rate,omitempty" doc:"how many requests it may make, such as \"100/s\", \"600/m\" or \"50/h\"; none does not limit"`
	ExpiresAt     time.Time      `json:"expires_at,omitzero" doc:"zero is no end"`
	Version       int64          `json:"version" doc:"counts changes of what is above, and of the roles"`
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
}

// ClientChange changes a client that was made at run time (RFC 7396: what is
// left out stays). Roles are those that were given through this API; what a
// mapping gives is not touched.
type ClientChange struct {
	Name      Change[string]    `json:"name,omitzero"`
	Roles     Change[[]string]  `json:"roles,omitzero" doc:"all that it is to have; null takes them"`
	Scopes    Change[[]string]  `json:"scopes,omitzero" doc:"permissions that it is held to; null does not restrict"`
	Networks  Change[[]string]  `json:"networks,omitzero" doc:"in CIDR form; null is everywhere"`
	Rate      Change[string]    `json:"rate,omitzero" doc:"such as \"100/s\", \"600/m\" or \"50/h\"; null does not limit"`
	ExpiresAt Change[time.Time] `json:"expires_at,omitzero" doc:"null is no end"`
}

// IsZero reports whether nothing is to be changed.
func (c ClientChange) IsZero() bool {
	return c.Name.IsZero() && c.Roles.IsZero() && c.Scopes.IsZero() && c.Networks.IsZero() && c.Rate.IsZero() && c.ExpiresAt.IsZero()
}

// AnyVersion makes a change to whatever version of a client is there.
const AnyVersion = 0

// Role is a role that a client or a user was given, and by what.
type Role struct {
	Name       string    `json:"name"`
	Source     string    `json:"source" doc:"\"file\", \"mapping\", \"manual\" or \"api\""`
	Rule       string    `json:"rule,omitempty" doc:"which rule of the source gave it"`
	Reason     string    `json:"reason,omitempty" doc:"why the rule held, such as the group that it names"`
	Since      time.Time `json:"since"`
	Undeclared bool      `json:"undeclared,omitempty" doc:"the configuration in force declares no such role: it gives nothing until one does"`
}

// KeyState says whether a key can be used.
type KeyState string

// The states of a key.
const (
	KeyLive    KeyState = "live"
	KeyExpired KeyState = "expired"
	KeyStopped KeyState = "stopped" // the user who owns the client left
	KeyRevoked KeyState = "revoked"
)

// Key is what is known of one secret of a client. The secret is not.
type Key struct {
	ID            string    `json:"id"`
	Client        string    `json:"client"`
	Hint          string    `json:"hint" doc:"by which people recognise the secret in a list"`
	State         KeyState  `json:"state"`
	CreatedAt     time.Time `json:"created_at"`
	ExpiresAt     time.Time `json:"expires_at,omitzero"`
	StoppedAt     time.Time `json:"stopped_at,omitzero" doc:"when the user who owns the client left; the key goes on if that was a mistake"`
	RevokedAt     time.Time `json:"revoked_at,omitzero"`
	RevokedReason string    `json:"revoked_reason,omitempty"`
	LastUsedAt    time.Time `json:"last_used_at,omitzero" doc:"up to a minute late; zero is never"`
	LastUsedFrom  string    `json:"last_used_from,omitempty"`
	Imported      string    `json:"imported,omitempty" doc:"how another system had hashed it, such as \"bcrypt\"; missing if it was made here"`
	ForeignHash   bool      `json:"foreign_hash,omitempty" doc:"that hash is still what it is checked against: it was not used since, or a minute ago at most"`
}

// KeyImport asks for keys that another system has made and hashed: all of them,
// or none if there is a mistake. What was imported before is left alone.
type KeyImport struct {
	Authenticator string       `json:"authenticator,omitempty" doc:"instance; may be left out where there is one"`
	DryRun        bool         `json:"dry_run,omitempty" doc:"check everything and write nothing"`
	Keys          []ForeignKey `json:"keys"`
}

// ForeignKey is a key that another system has made. A client that is there is
// not changed; one that is not is made, if an organization is said.
type ForeignKey struct {
	Client       string    `json:"client" doc:"id of the client"`
	Hash         string    `json:"hash" doc:"as the other system kept it, in the authenticator's notation"`
	ByDigest     bool      `json:"by_digest,omitempty" doc:"the secret comes without an id, so that its key is found by a digest"`
	ExpiresAt    time.Time `json:"expires_at,omitzero" doc:"of the key; none is no end"`
	Organization string    `json:"organization,omitempty" doc:"label"`
	Name         string    `json:"name,omitempty" doc:"of a new client, as the following"`
	Roles        []string  `json:"roles,omitempty"`
	Scopes       []string  `json:"scopes,omitempty"`
	Networks     []string  `json:"networks,omitempty" doc:"in CIDR form"`
	Rate         string    `json:"rate,omitempty" doc:"such as \"100/s\", \"600/m\" or \"50/h\"; none does not limit"`
}

// ImportedKeys is what became of an import, in the order of what was asked.
type ImportedKeys struct {
	Keys []ImportedKey `json:"keys"`
}

// ImportedKey is what became of one key.
type ImportedKey struct {
	ID        string `json:"id,omitempty" doc:"of the key; none of a new one in a dry run"`
	Client    string `json:"client"`
	Scheme    string `json:"scheme" doc:"how it was hashed"`
	NewClient bool   `json:"new_client,omitempty" doc:"its client was made too"`
	Known     bool   `json:"known,omitempty" doc:"it was imported before"`
}

// ImportMistake is what is wrong with one key of an import.
type ImportMistake struct {
	Index   int    `json:"index" doc:"which of the keys, from 0"`
	Problem string `json:"problem"`
}

// ClientDetail is a client with its roles and keys, the newest key first.
type ClientDetail struct {
	Client
	Roles []Role `json:"roles"`
	Keys  []Key  `json:"keys"`
}

// ClientQuery selects clients of a list that is ordered by id.
type ClientQuery struct {
	Organization string // label; empty selects those of all
	After        string // the id after which the page begins
	Limit        int    // at most 1000; 0 is 100
}

// ClientPage is one page of a list. Next is the After of the following page,
// or "" on the last one.
type ClientPage struct {
	Clients []Client `json:"clients"`
	Next    string   `json:"next,omitempty" doc:"the after of the following page; missing on the last"`
}

// NewClient asks for a client and its first key.
type NewClient struct {
	ID            string    `json:"id" doc:"lower case letters, digits and dashes; unique, for ever"`
	Organization  string    `json:"organization" doc:"label"`
	Name          string    `json:"name,omitempty"`
	Owner         string    `json:"owner,omitempty" doc:"\"organization\", which is the default, or \"user:\" and the id of an active user of that organization: then the client can do at most what they can, and its keys stop when they leave"`
	Authenticator string    `json:"authenticator,omitempty" doc:"instance; may be left out where there is one"`
	Roles         []string  `json:"roles,omitempty"`
	Scopes        []string  `json:"scopes,omitempty"`
	Networks      []string  `json:"networks,omitempty" doc:"in CIDR form"`
	Rate          string    `json:"rate,omitempty" doc:"such as \"100/s\", \"600/m\" or \"50/h\"; none does not limit"`
	ExpiresAt     time.Time `json:"expires_at,omitzero"`
	KeyLifetime   Duration  `json:"key_lifetime,omitzero" doc:"0 is the host's default"`
}

// NewKey asks for a further key.
type NewKey struct {
	Lifetime Duration `json:"lifetime,omitzero" doc:"0 is the host's default"`
}

// Rotation asks for a new key, and ends the one in use after the overlap.
type Rotation struct {
	Lifetime Duration  `json:"lifetime,omitzero"`
	Overlap  *Duration `json:"overlap,omitempty" doc:"nil is the host's default; 0 ends the old key at once"`
}

// Issued is a new key. It is the only answer that holds the secret.
type Issued struct {
	Client    Client      `json:"client"`
	Key       Key         `json:"key"`
	Secret    secret.Text `json:"secret" doc:"redacted when it is encoded again: see Reveal"`
	Others    []Key       `json:"others" doc:"keys of the client that are live beside it"`
	PublicURL string      `json:"public_url,omitempty" doc:"where the secret can be used"`
}

// Made is what a request has made, without its secret.
type Made struct {
	Client *Client `json:"client,omitempty"`
	Key    *Key    `json:"key,omitempty"`
	Token  *Token  `json:"admin_token,omitempty"`

	ProvisioningToken *ProvisioningToken `json:"provisioning_token,omitempty"`
}

// Repeated is the problem that answers the repetition of a request which made a
// secret: nobody has the secret any more.
type Repeated struct {
	problem.Document
	Made *Made `json:"made,omitempty" doc:"what the first request made, as it was then; missing if it is not the reason"`
}

// Revocation gives a reason, for the audit log.
type Revocation struct {
	Reason string `json:"reason,omitempty"`
}

// CredentialRevocation names a credential without a record, such as a signed
// token, by the id that its authenticator has for it.
type CredentialRevocation struct {
	Authenticator string `json:"authenticator" doc:"instance"`
	ID            string `json:"id"`
	Reason        string `json:"reason,omitempty"`
}

// Token is what is known of a token of the admin API.
type Token struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Organization string    `json:"organization,omitempty" doc:"label of the one that it is confined to; missing: the whole installation"`
	Scopes       []string  `json:"scopes" doc:"permissions; none is every one"`
	State        KeyState  `json:"state"`
	CreatedAt    time.Time `json:"created_at"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"`
	RevokedAt    time.Time `json:"revoked_at,omitzero"`
}

// TokenList is one page of the tokens, newest first.
type TokenList struct {
	Tokens []Token `json:"admin_tokens"`
	Next   string  `json:"next,omitempty" doc:"the after of the following page; missing on the last"`
}

// NewToken asks for a token of the admin API.
type NewToken struct {
	Name         string   `json:"name"`
	Organization *string  `json:"organization,omitempty" doc:"label of the one that it is confined to; without it, the whole installation"`
	Scopes       []string `json:"scopes,omitempty" doc:"none is every permission"`
	Lifetime     Duration `json:"lifetime,omitzero"`
}

// IssuedToken is a new token. It is the only answer that holds the secret.
type IssuedToken struct {
	Token  Token       `json:"admin_token"`
	Secret secret.Text `json:"secret" doc:"redacted when it is encoded again: see Reveal"`
}

// Plugin is one plugin process.
type Plugin struct {
	Name        string           `json:"name"`
	Version     string           `json:"version"`
	DedicatedTo string           `json:"dedicated_to,omitempty" doc:"the one instance that the process is for, if it is"`
	State       string           `json:"state" doc:"such as \"ready\""`
	Since       time.Time        `json:"since" doc:"of the state"`
	PID         int              `json:"pid,omitempty" doc:"0: none runs now"`
	Generation  uint64           `json:"generation" doc:"counts the launches"`
	Restarts    int              `json:"restarts" doc:"launches after the first that came to be ready"`
	LastError   string           `json:"last_error,omitempty"`
	Pinned      string           `json:"pinned,omitempty" doc:"SHA-256 that the configuration asks for; empty for a bundled plugin"`
	Running     string           `json:"running,omitempty" doc:"SHA-256 of what runs; empty for a bundled plugin"`
	Instances   []PluginInstance `json:"instances"`
	InForce     []string         `json:"in_force" doc:"what protects the host from the process, and it from others, such as \"sealed\""`
	Confinement Confinement      `json:"confinement"`
}

// Confinement is what limits a running process, and what it was granted.
type Confinement struct {
	Landlock int      `json:"landlock" doc:"version of the interface that confines its files; 0: nothing does"`
	Seccomp  bool     `json:"seccomp" doc:"its system calls are filtered"`
	Limits   bool     `json:"limits" doc:"memory, files and privileges are limited"`
	Network  bool     `json:"network" doc:"granted: it may connect"`
	Read     []string `json:"read" doc:"granted: what it may read"`
	Memory   int64    `json:"memory" doc:"bytes that it may allocate, where limits hold"`
	Env      []string `json:"env" doc:"granted: names of variables"`
}

// PluginInstance is one configured block that a process serves.
type PluginInstance struct {
	Name  string `json:"name"`
	Error string `json:"error,omitempty" doc:"why it could not be configured; empty is in order"`
}

// PluginList is one page of the plugin processes, by name.
type PluginList struct {
	Plugins []Plugin `json:"plugins"`
	Next    string   `json:"next,omitempty" doc:"the after of the following page; missing on the last"`
}

// ConfigFile is one file of a configuration, as its operator wrote it: env() and
// file() stand in it as calls, never as values.
type ConfigFile struct {
	Name string `json:"name" doc:"such as \"okta.hcl\""`
	Text string `json:"text"`
}

// NewConfig asks for a configuration to come into force, as a whole.
type NewConfig struct {
	Files        []ConfigFile `json:"files"`
	Plan         string       `json:"plan,omitempty" doc:"digest of a plan: it is refused where it would change something else by now"`
	AllowLockout []string     `json:"allow_lockout,omitempty" doc:"protected roles that may be left without an active holder; others are not"`
}

// AppliedConfig is the configuration that has come into force.
type AppliedConfig struct {
	Revision    int64           `json:"revision"`
	Diagnostics json.RawMessage `json:"diagnostics" doc:"warnings, in the form of gatehouse validate --json"`
	Report      string          `json:"report"` // the same for people; "" is none
	Plan        *Plan           `json:"plan,omitempty" doc:"what it has changed"`
}

// Revision is a configuration that came into force.
type Revision struct {
	Number    int64     `json:"number"`
	CreatedAt time.Time `json:"created_at"`
	Actor     string    `json:"actor"`
	Digest    string    `json:"digest" doc:"SHA-256 of names and texts, in hexadecimal digits"`
}

// RevisionPage is one page of the revisions, the newest first.
type RevisionPage struct {
	Revisions []Revision `json:"revisions"`
	Next      string     `json:"next,omitempty" doc:"the after of the following page; missing on the last"`
}

// RevisionDetail is a revision with its files.
type RevisionDetail struct {
	Revision
	Files []ConfigFile `json:"files"`
}

// Empty is the body of a request that says all by its path.
type Empty struct{}
