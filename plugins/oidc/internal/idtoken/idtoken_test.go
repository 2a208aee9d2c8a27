package idtoken_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/idtoken"
	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/keyset"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

const (
	issuer = "https://idp.example"
	client = "client-1"
	event  = "http://schemas.openid.net/event/backchannel-logout"
)

// moment is the time of all tests.
var moment = time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)

// oneIssuer is an issuer by its name.
type oneIssuer string

func (o oneIssuer) Accepts(said, _ string) (string, bool) { return said, said == string(o) }
func (o oneIssuer) String() string                        { return string(o) }

// keys verifies with one key.
type keys struct {
	public crypto.PublicKey
	err    error
	asked  int
}

func (k *keys) Verify(_ context.Context, signed *jose.JSONWebSignature, _, _ string) ([]byte, error) {
	k.asked++
	if k.err != nil {
		return nil, k.err
	}
	payload, err := signed.Verify(k.public)
	if err != nil {
		return nil, keyset.ErrSignature
	}
	return payload, nil
}

func key(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func verifier(k idtoken.Keys, algorithms ...string) idtoken.Verifier {
	return idtoken.Verifier{
		Keys: k, Issuer: oneIssuer(issuer), ClientID: client, Algorithms: algorithms, Skew: time.Minute, Clock: func() time.Time { return moment },
	}
}

// sign signs a payload, whatever it is.
func sign(t testing.TB, algorithm jose.SignatureAlgorithm, private any, payload []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: private}, nil)
	if err != nil {
		t.Fatal(err)
	}
	made, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// claims are those of a good token, with changes; nil takes one away.
func claims(t testing.TB, change map[string]any) []byte {
	t.Helper()
	c := map[string]any{"iss": issuer, "aud": client, "sub": "ada-1", "nonce": "n", "iat": moment.Unix(), "exp": moment.Add(5 * time.Minute).Unix()}
	for name, value := range change {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func reason(err error) string {
	denied := (*authn.Denied)(nil)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &denied):
		return denied.Reason
	}
	return "error"
}

// Times count with the skew of the clocks, and not a second more.
func TestBounds(t *testing.T) {
	t.Parallel()
	private := key(t)
	v := verifier(&keys{public: private.Public()}, "ES256")
	at := func(d time.Duration) int64 { return moment.Add(d).Unix() }
	for what, one := range map[string]struct {
		change map[string]any
		want   string
	}{
		"good":                         {nil, ""},
		"expired within the skew":      {map[string]any{"exp": at(-59 * time.Second)}, ""},
		"expired at its end":           {map[string]any{"exp": at(-time.Minute)}, "expired"},
		"issued within the skew":       {map[string]any{"iat": at(time.Minute)}, ""},
		"issued after it":              {map[string]any{"iat": at(61 * time.Second)}, "issued_at"},
		"issued long ago, just":        {map[string]any{"iat": at(-11 * time.Minute)}, ""},
		"issued too long ago":          {map[string]any{"iat": at(-11*time.Minute - time.Second)}, "issued_at"},
		"good within the skew":         {map[string]any{"nbf": at(time.Minute)}, ""},
		"good after it":                {map[string]any{"nbf": at(61 * time.Second)}, "not_yet_valid"},
		"a time with a part":           {map[string]any{"iat": float64(at(0)) + 0.5}, ""},
		"a negative time":              {map[string]any{"iat": -1}, "issued_at"},
		"null for a time":              {map[string]any{"nbf": json.RawMessage("null")}, ""},
		"a subject of 255":             {map[string]any{"sub": strings.Repeat("a", 255)}, ""},
		"a subject of 256":             {map[string]any{"sub": strings.Repeat("a", 256)}, "subject"},
		"a subject of spaces":          {map[string]any{"sub": "  "}, "subject"},
		"a subject that is null":       {map[string]any{"sub": json.RawMessage("null")}, "subject"},
		"a list of us":                 {map[string]any{"aud": []string{client}}, ""},
		"us twice":                     {map[string]any{"aud": []string{client, client}}, "authorized_party"},
		"us twice, and issued to us":   {map[string]any{"aud": []string{client, client}, "azp": client}, ""},
		"issued to an empty name":      {map[string]any{"azp": ""}, "authorized_party"},
		"our name in capitals":         {map[string]any{"aud": strings.ToUpper(client)}, "audience"},
		"a nonce in a list":            {map[string]any{"nonce": []string{"n"}}, "claims"},
		"claims of sources, and none":  {map[string]any{"_claim_names": map[string]string{"groups": "a"}}, "claims"},
		"claims of sources, and there": {map[string]any{"_claim_names": map[string]string{"groups": "a"}, "_claim_sources": map[string]any{"a": map[string]string{"endpoint": "https://x.example"}}}, ""},
	} {
		got, err := v.ID(t.Context(), sign(t, jose.ES256, private, claims(t, one.change)), idtoken.Expect{Nonce: "n"})
		if reason(err) != one.want {
			t.Errorf("%s: %v, want %q", what, err, one.want)
		}
		if err == nil && (got.Subject == "" || got.Issuer != issuer) {
			t.Errorf("%s: %+v", what, got)
		}
	}
	v.Audiences = []string{"api"}
	for what, one := range map[string]struct {
		change map[string]any
		want   string
	}{
		"for whom the operator names":         {map[string]any{"aud": []string{client, "api"}, "azp": client}, ""},
		"without whom it was issued to":       {map[string]any{"aud": []string{client, "api"}}, "authorized_party"},
		"for one more":                        {map[string]any{"aud": []string{client, "api", "x"}, "azp": client}, "audience"},
		"for whom the operator names, not us": {map[string]any{"aud": "api"}, "audience"},
		"issued to whom the operator names":   {map[string]any{"aud": []string{client, "api"}, "azp": "api"}, "authorized_party"},
	} {
		if _, err := v.ID(t.Context(), sign(t, jose.ES256, private, claims(t, one.change)), idtoken.Expect{Nonce: "n"}); reason(err) != one.want {
			t.Errorf("%s: %v, want %q", what, err, one.want)
		}
	}
}

// What is not one of ours by its form costs no look at a key.
func TestFormBeforeKeys(t *testing.T) {
	t.Parallel()
	k := &keys{public: key(t).Public()}
	v := verifier(k, "ES256")
	head := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for _, raw := range []string{
		"", ".", "..", "a.b.c", strings.Repeat(".", 1000), head(`{}`) + "..", head(`{"alg":"none"}`) + "..", head(`{"alg":"HS256"}`) + ".e30.AA",
		head(`{"alg":"ES256","crit":["exp"]}`) + ".e30.AA", head(`{"alg":"ES256","typ":"at+jwt"}`) + ".e30.AA", head(`["ES256"]`) + ".e30.AA",
		head(`null`) + ".e30.AA", head(`{"alg":["ES256"]}`) + ".e30.AA", strings.Repeat("A", idtoken.Limit+1),
	} {
		if _, err := v.ID(t.Context(), raw, idtoken.Expect{}); err == nil || reason(err) == "error" {
			t.Errorf("%.40q: %v, want a denial", raw, err)
		}
		if _, err := v.Logout(t.Context(), raw); err == nil || reason(err) == "error" {
			t.Errorf("%.40q: %v, want a denial", raw, err)
		}
	}
	if k.asked != 0 {
		t.Errorf("keys were looked for %d times", k.asked)
	}
}

// That the keys are not to be had is no denial.
func TestNoKeys(t *testing.T) {
	t.Parallel()
	private, down := key(t), errors.New("down")
	v := verifier(&keys{err: down}, "ES256")
	if _, err := v.ID(t.Context(), sign(t, jose.ES256, private, claims(t, nil)), idtoken.Expect{Nonce: "n"}); !errors.Is(err, down) {
		t.Errorf("%v, want %v", err, down)
	}
}

// seeds are tokens to begin with.
func seeds(t testing.TB, private *ecdsa.PrivateKey) []string {
	t.Helper()
	logout := claims(t, map[string]any{"nonce": nil, "sid": "s", "jti": "j", "events": map[string]any{event: map[string]any{}}})
	return []string{
		sign(t, jose.ES256, private, claims(t, nil)), sign(t, jose.ES256, private, logout), sign(t, jose.ES256, private, []byte(`[]`)),
		sign(t, jose.ES256, private, claims(t, nil)) + "\n", "e30.e30.", "eyJhbGciOiJub25lIn0.e30.", "", "...", `{"payload":"","signatures":[]}`,
	}
}

// FuzzToken: whatever comes is refused, unless it is one that was signed, to the letter.
// Nothing panics.
func FuzzToken(f *testing.F) {
	private := key(f)
	genuine := seeds(f, private)
	for _, s := range genuine {
		f.Add(s)
	}
	v := verifier(&keys{public: private.Public()}, "ES256")
	f.Fuzz(func(t *testing.T, raw string) {
		if got, err := v.ID(t.Context(), raw, idtoken.Expect{Nonce: "n"}); err == nil && (raw != genuine[0] || got.Subject != "ada-1") {
			t.Errorf("%q signs %q on", raw, got.Subject)
		} else if reason(err) == "error" {
			t.Errorf("%q: %v, want a denial", raw, err)
		}
		if got, err := v.Logout(t.Context(), raw); err == nil && (raw != genuine[1] || got.Subject != "ada-1") {
			t.Errorf("%q signs %q out", raw, got.Subject)
		} else if reason(err) == "error" {
			t.Errorf("%q: %v, want a denial", raw, err)
		}
	})
}

// FuzzClaims: whatever a provider signs, what counts has the claims that it must have.
func FuzzClaims(f *testing.F) {
	private := key(f)
	f.Add(claims(f, nil))
	f.Add(claims(f, map[string]any{"Sub": "admin", "amr": nil, "at_hash": "x", "auth_time": 1e9}))
	f.Add(claims(f, map[string]any{"nonce": nil, "sid": "s", "jti": "j", "events": map[string]any{event: map[string]any{}}}))
	for _, s := range []string{`{}`, `[]`, `null`, `{"iss":1}`, `{"aud":[null]}`, `{"exp":1e400}`, `{"_claim_names":[]}`, "{\"sub\":\"\xff\"}"} {
		f.Add([]byte(s))
	}
	v := verifier(&keys{public: private.Public()}, "ES256")
	f.Fuzz(func(t *testing.T, payload []byte) {
		raw := sign(t, jose.ES256, private, payload)
		var said map[string]any
		_ = json.Unmarshal(payload, &said)
		if got, err := v.ID(t.Context(), raw, idtoken.Expect{Nonce: "n"}); err == nil {
			if said["iss"] != issuer || said["nonce"] != "n" || said["sub"] != got.Subject || said["exp"] == nil || said["iat"] == nil || said["events"] != nil {
				t.Errorf("%q signs %q on", payload, got.Subject)
			}
		} else if reason(err) == "error" {
			t.Errorf("%q: %v, want a denial", payload, err)
		}
		if got, err := v.Logout(t.Context(), raw); err == nil {
			if _, nonce := said["nonce"]; said["iss"] != issuer || nonce || said["jti"] != got.ID || said["events"] == nil || said["iat"] == nil {
				t.Errorf("%q signs %q out", payload, got.Subject)
			}
		} else if reason(err) == "error" {
			t.Errorf("%q: %v, want a denial", payload, err)
		}
	})
}

func BenchmarkID(b *testing.B) {
	large := make([]string, 1500)
	for i := range large {
		large[i] = "a group with a name " + strings.Repeat("x", i%10)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	ec := key(b)
	for _, one := range []struct {
		name      string
		algorithm jose.SignatureAlgorithm
		private   any
		public    crypto.PublicKey
		more      map[string]any
	}{
		{"RS256", jose.RS256, rsaKey, rsaKey.Public(), nil},
		{"ES256", jose.ES256, ec, ec.Public(), nil},
		{"ES256 with 1500 groups", jose.ES256, ec, ec.Public(), map[string]any{"groups": large}},
	} {
		raw := sign(b, one.algorithm, one.private, claims(b, one.more))
		v := verifier(&keys{public: one.public}, string(one.algorithm))
		b.Run(one.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.ID(b.Context(), raw, idtoken.Expect{Nonce: "n"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("forged", func(b *testing.B) {
		raw := sign(b, jose.ES256, key(b), claims(b, nil))
		v := verifier(&keys{public: ec.Public()}, "ES256")
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.ID(b.Context(), raw, idtoken.Expect{Nonce: "n"}); err == nil {
				b.Fatal("it counts")
			}
		}
	})
}
