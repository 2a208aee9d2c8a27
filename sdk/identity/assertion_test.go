package identity_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/identity"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

var now = time.Unix(1_790_000_000, 0)

func TestVerifyAccepts(t *testing.T) {
	t.Parallel()
	s := newSigner("current")
	v := offline(t, now, s)
	client := identity.Principal{
		Subject: "my-tenant", Kind: "client", Organization: "acme", Client: "my-tenant",
		Roles: []string{"analyst", "viewer"}, Scopes: []string{"query:execute", "policy:read"},
		IssuedAt: now, Expires: now.Add(time.Minute),
	}
	person := client
	person.Kind, person.Client, person.Subject, person.Scopes = "user", "", "u1", []string{}
	person.Email, person.Name = "ana@acme.example", "Ana"
	person.AuthTime, person.AMR, person.ACR, person.SessionID = now.Add(-time.Hour), []string{"pwd", "otp"}, "aal2", "s1"
	shifted := func(d time.Duration) identity.Principal {
		p := client
		p.IssuedAt, p.Expires = p.IssuedAt.Add(d), p.Expires.Add(d)
		return p
	}

	tests := map[string]struct {
		header object
		claims object
		want   identity.Principal
	}{
		"a client": {want: client},
		"a person": {
			claims: object{
				"sub": "u1", "kind": "user", "client": nil, "scope": nil, "email": "ana@acme.example", "name": "Ana",
				"auth_time": now.Add(-time.Hour).Unix(), "amr": []string{"pwd", "otp"}, "acr": "aal2", "sid": "s1",
			},
			want: person,
		},
		"the audience as a list of one": {claims: object{"aud": []string{audience}}, want: client},
		"a claim of a later version":    {claims: object{"later": object{"a": 1}}, want: client},
		"a header of a later version":   {header: object{"later": "x"}, want: client},
		"a clock five seconds ahead":    {claims: object{"iat": now.Unix() + 5, "exp": now.Unix() + 65}, want: shifted(5 * time.Second)},
		"a clock four seconds behind":   {claims: object{"iat": now.Unix() - 64, "exp": now.Unix() - 4}, want: shifted(-64 * time.Second)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := v.Verify(t.Context(), s.sign(with(s.header(), tt.header), with(goodClaims(now), tt.claims)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("principal (-want +got):\n%s", diff)
			}
		})
	}
}

// Each of these is an attack, or a mistake that must not become one.
func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	s, stranger := newSigner("current"), newSigner("stranger")
	v := offline(t, now, s)
	good := s.good(now)
	part := strings.Split(good, ".")
	header := func(changes object) string { return s.sign(with(s.header(), changes), goodClaims(now)) }
	claims := func(changes object) string { return s.sign(s.header(), with(goodClaims(now), changes)) }
	impostor := func(changes object) string {
		return stranger.sign(with(s.header(), changes), goodClaims(now))
	}
	strangersJWK := object{"kty": "OKP", "crv": "Ed25519", "x": encode(stranger.public())}
	hmacWithPublicKey := func() string {
		input := encode(mustJSON(with(s.header(), object{"alg": "HS256"}))) + "." + part[1]
		mac := hmac.New(sha256.New, s.public())
		mac.Write([]byte(input))
		return input + "." + encode(mac.Sum(nil))
	}
	duplicate := func(name, value string) string {
		text := strings.TrimSuffix(string(mustJSON(goodClaims(now))), "}")
		return s.signRaw(mustJSON(s.header()), fmt.Appendf(nil, `%s,%q:%s}`, text, name, value))
	}

	tests := map[string]struct {
		token string
		code  problem.Code // Unauthenticated if empty
	}{
		"empty":                                 {token: ""},
		"no JWT":                                {token: "let me in"},
		"two parts":                             {token: part[0] + "." + part[1]},
		"four parts":                            {token: good + "." + part[2]},
		"JSON serialization":                    {token: fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, part[0], part[1], part[2])},
		"no signature":                          {token: part[0] + "." + part[1] + "."},
		"a line break inside":                   {token: good[:10] + "\n" + good[10:]},
		"a space before":                        {token: " " + good},
		"two in one value":                      {token: good + "," + good},
		"oversize":                              {token: claims(object{"name": strings.Repeat("x", 16<<10)})},
		"alg none":                              {token: encode(mustJSON(with(s.header(), object{"alg": "none"}))) + "." + part[1] + "."},
		"alg none with the signature":           {token: encode(mustJSON(with(s.header(), object{"alg": "none"}))) + "." + part[1] + "." + part[2]},
		"alg in other letters":                  {token: header(object{"alg": "eddsa"})},
		"alg twice":                             {token: s.signRaw([]byte(`{"alg":"none","alg":"EdDSA","kid":"current","typ":"gatehouse+jwt"}`), mustJSON(goodClaims(now)))},
		"HS256 with the public key as secret":   {token: hmacWithPublicKey()},
		"the body changed after signing":        {token: part[0] + "." + encode(mustJSON(with(goodClaims(now), object{"roles": []string{"admin"}}))) + "." + part[2]},
		"the header changed after signing":      {token: encode(mustJSON(with(s.header(), object{"x": 1}))) + "." + part[1] + "." + part[2]},
		"signed by a stranger under our kid":    {token: impostor(nil)},
		"a stranger's key in jwk":               {token: impostor(object{"jwk": strangersJWK})},
		"our own key in jwk":                    {token: header(object{"jwk": object{"kty": "OKP", "crv": "Ed25519", "x": encode(s.public())}})},
		"jku":                                   {token: header(object{"jku": "https://evil.example/jwks.json"})},
		"x5u":                                   {token: header(object{"x5u": "https://evil.example/cert.pem"})},
		"x5c":                                   {token: header(object{"x5c": []string{"AAAA"}})},
		"x5t":                                   {token: header(object{"x5t": "AAAA"})},
		"crit with an unknown member":           {token: header(object{"crit": []string{"gate"}, "gate": 1})},
		"crit with b64":                         {token: header(object{"crit": []string{"b64"}, "b64": true})},
		"no kid":                                {token: header(object{"kid": nil})},
		"kid of another type":                   {token: header(object{"kid": 7})},
		"no typ":                                {token: header(object{"typ": nil})},
		"typ of other tokens by the same key":   {token: header(object{"typ": "JWT"})},
		"claims are no object":                  {token: s.signRaw(mustJSON(s.header()), []byte(`[]`))},
		"claims and something after them":       {token: s.signRaw(mustJSON(s.header()), append(mustJSON(goodClaims(now)), '{', '}'))},
		"claims are not UTF-8":                  {token: s.signRaw(mustJSON(s.header()), []byte("{\"sub\":\"\xff\"}"))},
		"sub twice":                             {token: duplicate("sub", `"root"`)},
		"an unknown claim twice":                {token: duplicate("a", `1,"a":2`)},
		"roles as text":                         {token: claims(object{"roles": "admin"})},
		"iss of another Gatehouse":              {token: claims(object{"iss": "https://other.example.com"})},
		"iss with a slash more":                 {token: claims(object{"iss": issuer + "/"})},
		"no iss, but ISS":                       {token: claims(object{"iss": nil, "ISS": issuer})},
		"aud of another application":            {token: claims(object{"aud": "billing"})},
		"aud of two applications":               {token: claims(object{"aud": []string{audience, "billing"}})},
		"aud empty":                             {token: claims(object{"aud": []string{}})},
		"no aud":                                {token: claims(object{"aud": nil})},
		"no sub":                                {token: claims(object{"sub": nil})},
		"no kind":                               {token: claims(object{"kind": nil})},
		"no org":                                {token: claims(object{"org": ""})},
		"no iat":                                {token: claims(object{"iat": nil})},
		"no exp":                                {token: claims(object{"exp": nil})},
		"exp as text":                           {token: claims(object{"exp": "never"})},
		"exp beyond every calendar":             {token: claims(object{"exp": 1e300})},
		"valid for an hour":                     {token: claims(object{"exp": now.Unix() + 3600})},
		"valid for an hour, issued long before": {token: claims(object{"iat": now.Unix() - 3000, "exp": now.Unix() + 30})},
		"expired":                               {token: claims(object{"iat": now.Unix() - 65, "exp": now.Unix() - 5}), code: problem.Expired},
		"from the future":                       {token: claims(object{"iat": now.Unix() + 6, "exp": now.Unix() + 30}), code: problem.NotYetValid},
		"nbf in the future":                     {token: claims(object{"nbf": now.Unix() + 6}), code: problem.NotYetValid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := tt.code
			if want == "" {
				want = problem.Unauthenticated
			}
			p, err := v.Verify(t.Context(), tt.token)
			if !problem.Is(err, want) {
				t.Fatalf("Verify = %+v, %v; want %s", p, err, want)
			}
			if problem.As(err).Hint == "" {
				t.Error("the refusal does not say what to check")
			}
			if len(tt.token) > 40 && strings.Contains(err.Error(), tt.token[20:]) {
				t.Errorf("the error repeats the token: %v", err)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	s := newSigner("current")
	good := s.good(now)
	part := strings.Split(good, ".")
	f.Add(good)
	f.Add(part[0] + "." + part[1] + ".")
	f.Add(part[0] + ".." + part[2])
	f.Add(encode([]byte(`{"alg":"none"}`)) + "." + part[1] + ".")
	f.Add(s.sign(with(s.header(), object{"jwk": object{"kty": "OKP"}}), goodClaims(now)))
	f.Add(strings.Repeat(".", 100))
	v := offline(f, now, s)
	want, err := v.Verify(f.Context(), good)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		got, err := v.Verify(t.Context(), token)
		if err != nil {
			return
		}
		// Nothing but that one was signed with these claims.
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("forged from %q (-want +got):\n%s", token, diff)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s := newSigner("current")
	h := &host{answer: publish("max-age=3600", s)}
	v := h.verifier(b, func(o *identity.Options) { o.Clock = func() time.Time { return now } })
	token := s.good(now)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFloor is the signature alone: what no verifier can be faster than.
func BenchmarkFloor(b *testing.B) {
	s := newSigner("current")
	input := []byte(s.good(now))
	sig, public := ed25519.Sign(s.key, input), s.public()
	for b.Loop() {
		if !ed25519.Verify(public, input, sig) {
			b.Fatal("the signature does not verify")
		}
	}
}
