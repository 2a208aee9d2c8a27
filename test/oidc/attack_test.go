package oidc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/test/idp/oidcidp"
)

// reasons are why each fault of a provider signs nobody on. "error" is that nobody
// could find out: the documents of the provider are not to be had.
var reasons = map[string]string{
	// Who it is for, of and about: OpenID Connect Core 1.0 §3.1.3.7.
	"wrong-audience": "audience", "no-audience": "audience", "null-audience": "audience", "audience-prefix": "audience",
	"two-audiences": "audience", "two-audiences-ours": "audience", "other-party": "authorized_party",
	"wrong-issuer": "issuer", "issuer-slash": "issuer", "no-issuer": "issuer",
	"no-subject": "subject", "empty-subject": "subject", "number-subject": "claims", "long-subject": "subject", "control-subject": "subject",
	"no-nonce": "nonce", "wrong-nonce": "nonce", "list-nonce": "claims",
	"no-expiry": "expired", "expired": "expired", "text-expiry": "claims", "huge-expiry": "expired",
	"no-issue": "issued_at", "future-issue": "issued_at", "old-issue": "issued_at", "not-yet": "not_yet_valid", "skewed-clock": "expired",
	"wrong-at-hash": "at_hash", "empty-at-hash": "at_hash", "other-access-token": "at_hash",
	"logout-token": "events", "future-sign-on": "auth_time", "number-sid": "claims",

	// Its form, and whose key it is: RFC 8725.
	"critical": "crit", "null-critical": "crit", "unencoded": "crit", "number-kid": "token_form", "unknown-kid": "unknown_key",
	"logout-type": "typ", "access-type": "typ", "bad-signature": "signature", "no-signature": "signature", "two-parts": "token_form",
	"encrypted": "encrypted", "json-form": "token_form", "large-token": "token_size", "padded": "token_form",
	"unsigned": "algorithm", "unsigned-spelling": "algorithm", "no-algorithm": "algorithm", "other-algorithm": "algorithm",
	"other-key-type": "algorithm", "strangers-key": "signature", "embedded-key": "signature", "address-of-key": "unknown_key", "old-key": "unknown_key", "many-keys": "error",
	"encryption-key": "error", "keys-algorithm": "unknown_key", "small-key": "unknown_key", "symmetric-key": "algorithm",
	"confused-der": "algorithm", "confused-pem": "algorithm", "confused-jwk": "algorithm",

	// The answers: RFC 6749, RFC 9207.
	"no-code": "code", "two-codes": "response_form", "wrong-code": "idp_invalid_grant",
	"no-response-issuer": "issuer", "other-response-issuer": "issuer", "two-response-issuers": "response_form", "wrong-state": "state",
	"denied": "idp_access_denied", "denied-with-code": "idp_access_denied", "odd-error": "idp_script_alert_1_script",
	"no-id-token": "no_id_token", "number-id-token": "no_id_token", "other-token-type": "token_type", "no-token-type": "token_type",
	"no-access-token": "error", "large-answer": "error", "token-endpoint-down": "error",

	// The documents: Discovery 1.0 §4.3.
	"other-discovery": "error", "discovery-slash": "error", "plain-keys": "error", "file-keys": "error", "no-keys": "error",
	"plain-token-endpoint": "error", "script-authorization": "error", "plain-pkce": "error", "large-discovery": "error",
	"discovery-down": "error", "keys-down": "error",
}

// A provider that misbehaves signs nobody on, and one that has stopped to does: so it
// is the fault that is refused.
func TestFaults(t *testing.T) {
	t.Parallel()
	probe := newWorld(t, options{algorithm: "RS256"})
	faults, err := probe.idp.Faults()
	if err != nil {
		t.Fatal(err)
	}
	if len(faults) != len(reasons) {
		t.Errorf("the provider has %d faults, and %d of them have a reason here", len(faults), len(reasons))
	}
	for _, f := range faults {
		t.Run(f.Name, func(t *testing.T) {
			want, ok := reasons[f.Name]
			if !ok {
				t.Fatalf("no reason is written down for: %s", f.Doc)
			}
			// An instance of its own each: none remembers what another has fetched.
			w := &world{TB: t, name: "acme/oidc." + f.Name, idp: probe.idp, h: probe.h, config: probe.config}
			w.configure()
			w.idp.Bend(f)
			identity, err := w.do(signOn{})
			w.idp.Bend(oidcidp.Bend{})
			if got := reason(err); got != want {
				t.Errorf("%s The reason is %q (%v, %q), want %q", f.Doc, got, err, identity.Subject, want)
			}
			refusal := "`" + want + "`"
			if want == failure {
				refusal = "an error"
			}
			tried.note(t, fmt.Sprintf("`%s`: %s", f.Name, f.Doc), refusal)
			if err != nil && strings.Contains(err.Error(), "eyJ") {
				t.Errorf("a token is shown: %v", err)
			}
			w.name += "-after"
			w.configure()
			w.signsOn(signOn{})
		})
	}
}

// What a browser or another party changes on the way signs nobody on.
func TestTampering(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for what, one := range map[string]struct {
		tamper func(r *authn.CompleteRequest)
		want   string
	}{
		"nothing":                         {func(*authn.CompleteRequest) {}, ""},
		"no state of ours":                {func(r *authn.CompleteRequest) { r.State = nil }, "state"},
		"an answer that nobody asked for": {func(r *authn.CompleteRequest) { r.State, r.Unsolicited = nil, true }, "unsolicited"},
		"no verifier of PKCE":             {func(r *authn.CompleteRequest) { r.State = []byte(strings.Replace(string(r.State), `"v"`, `"w"`, 1)) }, "state"},
		"another verifier of PKCE": {func(r *authn.CompleteRequest) {
			r.State = []byte(strings.Replace(string(r.State), `"v":"`, `"v":"x`, 1))
		}, "idp_invalid_grant"},
		"another nonce": {func(r *authn.CompleteRequest) {
			r.State = []byte(strings.Replace(string(r.State), `"n":"`, `"n":"x`, 1))
		}, "nonce"},
		"a sign-on with another provider": {func(r *authn.CompleteRequest) {
			r.State = []byte(strings.Replace(string(r.State), "idp.example", "idp.other", 1))
		}, "state"},
		"state twice":                         {func(r *authn.CompleteRequest) { r.Incoming.RawQuery += "&state=x" }, "response_form"},
		"a parameter that nobody knows twice": {func(r *authn.CompleteRequest) { r.Incoming.RawQuery += "&x=1&x=2" }, "response_form"},
		"a code in the query and one in the form": {func(r *authn.CompleteRequest) {
			r.Incoming.Method = "POST"
			r.Incoming.Form = []authn.Field{{Name: "code", Value: "x"}}
		}, "response_form"},
		"an error of a hundred letters beside the code": {func(r *authn.CompleteRequest) { r.Incoming.RawQuery += "&error=" + strings.Repeat("a", 100) }, "idp_" + strings.Repeat("a", 60)},
		"another address to come back to":               {func(r *authn.CompleteRequest) { r.Endpoints.CompleteURL += "/" }, "idp_invalid_grant"},
	} {
		_, err := w.do(signOn{tamper: one.tamper})
		expect(t, what, one.want, err)
	}
}

// A code of one sign-on in the answer to another is refused by the nonce, and before
// by PKCE.
func TestInjection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	mine, err := w.begun(signOn{subject: "bob-2"})
	if err != nil {
		t.Fatal(err)
	}
	victims, err := w.begun(signOn{})
	if err != nil {
		t.Fatal(err)
	}
	code := func(r authn.CompleteRequest) string {
		_, after, _ := strings.Cut(r.Incoming.RawQuery, "code=")
		text, _, _ := strings.Cut(after, "&")
		return text
	}
	stolen := mine
	stolen.Incoming.RawQuery = strings.Replace(mine.Incoming.RawQuery, code(mine), code(victims), 1)
	_, err = w.h.Complete(t.Context(), w.name, stolen)
	expect(t, "a code of another sign-on", "idp_invalid_grant", err)
	_, err = w.h.Complete(t.Context(), w.name, mine)
	expect(t, "the sign-on with which it was tried", "replay", err)
}

// A sign-on that has to be recent is one that the provider says is.
func TestAge(t *testing.T) {
	t.Parallel()
	now := time.Now().Unix()
	for what, one := range map[string]struct {
		at    any // auth_time
		asked authn.BeginRequest
		want  string
	}{
		"fresh":                                 {now + 1, authn.BeginRequest{Fresh: true}, ""},
		"fresh, and it was not":                 {now - 600, authn.BeginRequest{Fresh: true}, "auth_time"},
		"fresh, and it is not said":             {nil, authn.BeginRequest{Fresh: true}, "auth_time"},
		"within an hour":                        {now - 1800, authn.BeginRequest{MaxAge: time.Hour}, ""},
		"within an hour, at its end":            {now - 3590, authn.BeginRequest{MaxAge: time.Hour}, ""},
		"within an hour, and it was longer ago": {now - 3700, authn.BeginRequest{MaxAge: time.Hour}, "auth_time"},
		"within an hour, and it is not said":    {nil, authn.BeginRequest{MaxAge: time.Hour}, "auth_time"},
		"not asked for":                         {nil, authn.BeginRequest{}, ""},
	} {
		w := newWorld(t, options{person: map[string]any{"auth_time": one.at}})
		_, err := w.do(signOn{asked: one.asked})
		expect(t, what, one.want, err)
	}
}
