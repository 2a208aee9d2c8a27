package admin

import "time"

// Condition is one thing that has to hold before the host is ready.
type Condition struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// Wrong is something that somebody has to do something about.
type Wrong struct {
	Problem string `json:"problem" doc:"what is wrong"`
	Affects string `json:"affects" doc:"who notices it"`
	Next    string `json:"next" doc:"what to do first: a command, or where to look"`
}

// EndingKind is what kind of thing ends.
type EndingKind string

// What can end.
const (
	EndingKey         EndingKind = "key"         // of a client
	EndingClient      EndingKind = "client"      // with all its keys
	EndingToken       EndingKind = "admin_token" // of this API
	EndingHostKey     EndingKind = "host_key"    // of the keyring
	EndingCertificate EndingKind = "certificate" // of the listener

	EndingProvisioningToken EndingKind = "provisioning_token" // of a connection's identity provider
)

// Ending is something that ends soon.
type Ending struct {
	Kind         EndingKind `json:"kind" doc:"key (of a client), client, admin_token, provisioning_token, host_key or certificate"`
	ID           string     `json:"id"`
	Of           string     `json:"of,omitempty" doc:"a key's client, a token's name, or the connection of a provisioning token, a host key's purpose, a certificate's names"`
	Organization string     `json:"organization,omitempty"`
	EndsAt       time.Time  `json:"ends_at"`
	Replaced     bool       `json:"replaced" doc:"another that ends later has taken its place already"`
}

// PullState is where a pass over an identity provider is.
type PullState string

// The states of a Pull.
const (
	PullWaiting PullState = "waiting" // for the next pass
	PullReading PullState = "reading" // the identity provider is asked
	PullEnding  PullState = "ending"  // whom the pass has not seen leaves
)

// Pull is how far the host is in asking an identity provider for its people.
type Pull struct {
	Instance     string    `json:"instance"`
	Connection   string    `json:"connection"`
	Organization string    `json:"organization"`
	State        PullState `json:"state" doc:"waiting (for the next pass), reading (the identity provider is asked) or ending (whom the pass has not seen leaves)"`
	Parts        int       `json:"parts" doc:"of this pass that are done, or of the last"`
	StartedAt    time.Time `json:"started_at,omitzero" doc:"of this pass, or of the last; missing: one begins at once"`
	CompletedAt  time.Time `json:"completed_at,omitzero" doc:"of the last pass that was complete; missing is none"`
	RetryAt      time.Time `json:"retry_at,omitzero" doc:"after a failure: nothing is done before"`
	Failures     int       `json:"failures" doc:"in a row"`
	Problem      string    `json:"problem,omitempty" doc:"the last failure, while nothing has succeeded since"`
}

// RefusedReload is a configuration that was not taken.
type RefusedReload struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// Status is how the host is.
type Status struct {
	Version    string         `json:"version"`
	Revision   int64          `json:"revision" doc:"of the configuration in force"`
	LoadedAt   time.Time      `json:"loaded_at" doc:"when this host took the configuration in force"`
	Refused    *RefusedReload `json:"refused,omitempty" doc:"the last configuration that was refused, while none was taken since"`
	Ready      bool           `json:"ready"`
	Conditions []Condition    `json:"conditions"`
	Wrong      []Wrong        `json:"wrong" doc:"what somebody has to do something about; empty is nothing"`
	Ending     []Ending       `json:"ending" doc:"what ends within 14 days, soonest first, at most 20 of each kind; without the kinds that the caller may not list"`
	Pulls      []Pull         `json:"pulls" doc:"the provisioners that ask their identity provider, those that fail first, at most 100; empty where the caller may not see provisioning"`
	StartedAt  time.Time      `json:"started_at"`
	Uptime     Duration       `json:"uptime"`
	PublicURL  string         `json:"public_url"`
}
