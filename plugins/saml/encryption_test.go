package saml_test

import (
	"crypto/rsa"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// publicKeys are those for encryption in the metadata, the oldest first.
func (r *room) publicKeys() (out []*rsa.PublicKey) {
	r.t.Helper()
	for _, c := range r.published("encryption") {
		out = append(out, c.PublicKey.(*rsa.PublicKey))
	}
	return out
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	plain, cbc := newRoom(t, "generic", config(nil)), newRoom(t, "generic", config(doc{"allow_cbc": true}))
	strict := newRoom(t, "generic", config(doc{"require_encryption": true}))
	encrypted := func(r *room, shape samltest.Shape, e samltest.Encryption) func(m *samltest.Message) {
		e.To = r.publicKeys()[0]
		return func(m *samltest.Message) { m.Shape, m.Encryption = shape, &e }
	}
	for _, algorithm := range []string{samltest.AES128GCM, samltest.AES192GCM, samltest.AES256GCM} {
		for _, key := range []string{samltest.OAEPMGF1P, samltest.OAEP11} {
			for _, shape := range samltest.Shapes() {
				got := plain.signsOn(algorithm+" "+key+" "+shape.String(), encrypted(plain, shape, samltest.Encryption{Data: algorithm, Key: key}))
				if got.Subject != ada || len(got.Weaknesses) > 0 {
					t.Errorf("%q, with the weaknesses %q", got.Subject, got.Weaknesses)
				}
			}
		}
	}
	for _, algorithm := range []string{samltest.AES128CBC, samltest.AES256CBC} {
		e := samltest.Encryption{Data: algorithm}
		plain.refuses(algorithm+", which is not allowed", "cbc", encrypted(plain, samltest.SignBoth, e))
		for _, shape := range []samltest.Shape{samltest.SignBoth, samltest.SignResponse} {
			got := cbc.signsOn(algorithm, encrypted(cbc, shape, e))
			if strings.Join(got.Weaknesses, " ") != "aes-cbc" {
				t.Errorf("%s has the weaknesses %q", algorithm, got.Weaknesses)
			}
		}
		cbc.refuses(algorithm+" in a Response that nobody signed", "cbc", encrypted(cbc, samltest.SignAssertion, e))
	}
	strict.signsOn("encrypted", encrypted(strict, samltest.SignAssertion, samltest.Encryption{}))
	strict.refuses("not encrypted", "not_encrypted", nil)
	strict.refuses("not encrypted, signed outside", "not_encrypted", func(m *samltest.Message) { m.Shape = samltest.SignResponse })
}

// Anybody can encrypt to us: that proves nothing (CVE-2026-2092), and what they send
// may be anything.
func TestEncryptedAttacks(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "generic", config(doc{"allow_cbc": true}))
	to := r.publicKeys()[0]
	with := func(e samltest.Encryption, shape samltest.Shape) func(m *samltest.Message) {
		e.To = to
		return func(m *samltest.Message) { m.Shape, m.Encryption = shape, &e }
	}
	change := func(by func([]byte) []byte) samltest.Encryption { return samltest.Encryption{Ciphertext: by} }
	flip := func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	for name, c := range map[string]struct {
		reason string
		change func(m *samltest.Message)
	}{
		"that nobody signed":            {"unsigned", with(samltest.Encryption{}, samltest.SignNothing)},
		"that somebody signed":          {"signature", func(m *samltest.Message) { with(samltest.Encryption{}, samltest.SignAssertion)(m); m.Key = keys()[2] }},
		"PKCS #1":                       {"encryption_method", with(samltest.Encryption{Key: samltest.PKCS1}, samltest.SignAssertion)},
		"triple DES":                    {"encryption_method", with(samltest.Encryption{Data: "http://www.w3.org/2001/04/xmlenc#tripledes-cbc"}, samltest.SignBoth)},
		"an algorithm that is none":     {"encryption_method", with(samltest.Encryption{Data: "x"}, samltest.SignBoth)},
		"a flipped bit":                 {"decryption", with(change(flip), samltest.SignAssertion)},
		"a flipped bit of the key":      {"decryption", with(samltest.Encryption{Wrapped: flip}, samltest.SignAssertion)},
		"a short key":                   {"decryption", with(samltest.Encryption{Wrapped: cut(10)}, samltest.SignAssertion)},
		"P3, shorter than a nonce":      {"decryption", with(change(cut(5)), samltest.SignAssertion)},
		"nothing but a nonce":           {"decryption", with(change(cut(12)), samltest.SignAssertion)},
		"P1, no whole blocks, signed":   {"decryption", with(samltest.Encryption{Data: samltest.AES128CBC, Ciphertext: cut(33)}, samltest.SignResponse)},
		"P1, one byte too many, signed": {"decryption", with(samltest.Encryption{Data: samltest.AES128CBC, Ciphertext: cut(17)}, samltest.SignResponse)},
		"a nonce in CBC, signed":        {"decryption", with(samltest.Encryption{Data: samltest.AES128CBC, Ciphertext: cut(16)}, samltest.SignResponse)},
		"no ciphertext":                 {"encryption_structure", with(change(cut(0)), samltest.SignAssertion)},
	} {
		r.refuses(name, c.reason, c.change)
	}
	// P4: what comes out of it is no assertion.
	for name, text := range map[string]string{
		"nothing": "", "space": " ", "text": "text", "a comment": "<!-- -->", "another element": `<a xmlns="urn:x"/>`, "a Response": `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>`,
		"a document type": "<!DOCTYPE a>", "two": `<a/><b/>`, "depth": strings.Repeat("<a>", 5000),
	} {
		r.refuses(name+" within", "xml|comment|not_an_assertion|doctype|too_deep", func(m *samltest.Message) {
			m.Encryption, m.Shape = &samltest.Encryption{To: to}, samltest.SignNothing
			m.EditAssertion = func(string) string { return text }
		})
	}
	r.refuses("an encrypted one within", "assertions", func(m *samltest.Message) {
		m.Encryption, m.Shape = &samltest.Encryption{To: to}, samltest.SignNothing
		m.EditAssertion = func(text string) string {
			return strings.Replace(text, "</saml:AuthnContext>", `<saml:EncryptedAssertion/></saml:AuthnContext>`, 1)
		}
	})
}

// Before one key takes over from another both are published, and both decrypt.
func TestKeysRollOver(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "generic", config(nil))
	to := func(k *rsa.PublicKey) func(m *samltest.Message) {
		return func(m *samltest.Message) { m.Encryption = &samltest.Encryption{To: k} }
	}
	signed := func() string {
		b, begun := r.asks(nil)
		_ = b
		s := asked(t, begun)
		for _, c := range r.published("signing") {
			if verified(c, s) {
				return c.SerialNumber.String()
			}
		}
		t.Error("no key that is published has signed the request")
		return ""
	}
	before := r.publicKeys()
	first := signed()
	r.StagePair(name, hostsvc.KeyDecrypt)
	r.StagePair(name, hostsvc.KeySign)
	both := r.publicKeys()
	if len(before) != 1 || len(both) != 2 || len(r.published("signing")) != 2 {
		t.Fatalf("%d keys, then %d", len(before), len(both))
	}
	if again := signed(); again != first {
		t.Error("a key signs that nobody knows yet")
	}
	r.signsOn("to the older", to(both[0]))
	r.signsOn("to the newer", to(both[1]))
	r.UseNewestPair(name, hostsvc.KeyDecrypt, false)
	r.UseNewestPair(name, hostsvc.KeySign, false)
	if again := signed(); again == first {
		t.Error("the older key signs on")
	}
	r.signsOn("to the older, which was taken over", to(both[0]))
	r.UseNewestPair(name, hostsvc.KeyDecrypt, true)
	r.signsOn("to the newer, alone", to(both[1]))
	r.refuses("to the older, which is gone", "decryption", to(both[0]))
}

// A host that cannot decrypt now is no denial: nobody knows.
func TestAHostThatCannotDecrypt(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "generic", config(nil))
	key := r.publicKeys()[0]
	b, begun := r.asks(nil)
	in := answers(func(m *samltest.Message) { m.Encryption = &samltest.Encryption{To: key} })(t, b, begun)
	r.Grant(hostsvc.OnceService)
	_, err := r.Complete(t.Context(), name, authn.CompleteRequest{Endpoints: b.Endpoints, State: begun.State, Incoming: in})
	if !problem.Is(err, problem.Forbidden) {
		t.Errorf("%v, want %s", err, problem.Forbidden)
	}
}

// What is refused anyway has no work done for it: no key is asked for (fess, PR 3306).
func TestNothingIsDecryptedForNothing(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "generic", config(nil))
	key := r.publicKeys()[0]
	for what, change := range map[string]func(m *samltest.Message){
		"another request":  func(m *samltest.Message) { m.InResponseTo = "_other" },
		"another address":  func(m *samltest.Message) { m.Recipient = "https://other.example/" },
		"another issuer":   func(m *samltest.Message) { m.Issuer = "https://other.example/" },
		"yesterday":        func(m *samltest.Message) { m.Now = m.Now.AddDate(0, 0, -1) },
		"somebody's key":   func(m *samltest.Message) { m.Key, m.Shape = keys()[2], samltest.SignBoth },
		"an algorithm":     func(m *samltest.Message) { m.Encryption.Key = samltest.PKCS1 },
		"no whole content": func(m *samltest.Message) { m.Encryption.Ciphertext = func(b []byte) []byte { return b[:5] } },
	} {
		b, begun := r.asks(nil)
		in := answers(func(m *samltest.Message) {
			m.Encryption = &samltest.Encryption{To: key}
			m.Now = time.Now()
			change(m)
		})(t, b, begun)
		r.Grant(slices.DeleteFunc(slices.Clone(r.Describe().HostServices), func(s string) bool { return s == hostsvc.KeysService })...)
		_, err := r.Complete(t.Context(), name, authn.CompleteRequest{Endpoints: b.Endpoints, State: begun.State, Incoming: in})
		if denied := (*authn.Denied)(nil); !errors.As(err, &denied) { // with a key it would be a problem: there is no grant
			t.Errorf("%s: %v", what, err)
		}
		r.Grant(r.Describe().HostServices...)
	}
}
