package apikey_test

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/plugins/apikey"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

const (
	oldSecret = "sk_live_correct-horse"
	oldKey    = "the key of the old system"
)

// vectors are hashes of oldSecret that other implementations made: OpenSSL, the
// C library's crypt, and bcrypt and argon2-cffi of Python.
var vectors = map[string]string{
	"sha256, hexadecimal":     "sha256$9271dece7ac7968bb865913b7e99f64871a4a1ae095812a49667e894d8a29d38",
	"sha256, upper case":      "sha256$9271DECE7AC7968BB865913B7E99F64871A4A1AE095812A49667E894D8A29D38",
	"sha256, base64":          "sha256$knHeznrHlou4ZZE7fpn2SHGkoa4JWBKklmfolNiinTg=",
	"sha256, salt before":     "sha256$prefix$cGVwcGVy$2d3f7238f326cda480786732cc8d1a71461e30ecdfa4173ed020db9f8c12e5f7",
	"sha256, salt behind":     "sha256$suffix$cGVwcGVy$d66f048a907af73607ae112b808a3a5d95bde3fc25ba5d689b454c0640799fab",
	"hmac-sha256":             "hmac-sha256$7c4a107ce549f52520aa53f81bd22d51ae7857c59f28e1015ab4e0ed78d78b55",
	"bcrypt 2a":               "$2a$05$5gfkbQPVr/G3l7xDYJvqJ.PZ.DCFeuIQ.wMlClmwVDNIrYWKiHuLq",
	"bcrypt 2b":               "$2b$04$XL9ImK5xCgsawSP.AkHoTO7n6xJL4RQsKGuHxBdhDnoFibdxXTPeO",
	"bcrypt 2y":               "$2y$04$abcdefghijklmnopqrstuui3nYv8n.qh.NG3F8ZIA.tVEvgknvNhe",
	"argon2id by argon2-cffi": "$argon2id$v=19$m=1024,t=2,p=2$/HqUPvDs1ki8F9Jg7liaQw$Zc39ZnAijrIjEmf6BssGXllnwtEuWOeMSj14i1o4AaA",
}

type importing interface {
	authenticator
	authn.Importer
}

func taking(t testing.TB, values string) importing {
	t.Helper()
	p, ds := apikey.Plugin().Programs[0].New(t.Context(), instance.Config{
		Name: "apikey", Values: []byte(values), Keys: []instance.Key{key("1")}, Logger: slog.New(slog.DiscardHandler),
	})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	return p.(importing)
}

const withImports = `{"imported": {"prefix": "sk_live_", "hmac_key": "` + oldKey + `"}}`

func imported(t testing.TB, a authn.Importer, hash string) authn.Imported {
	t.Helper()
	got, err := a.Import(t.Context(), []string{hash})
	if err != nil || len(got) != 1 {
		t.Fatalf("%d results, error %v", len(got), err)
	}
	return got[0]
}

func TestHashesOfOtherSystemsAreAcceptedOnceAndReplaced(t *testing.T) {
	t.Parallel()
	a := taking(t, withImports)
	verify := func(text string, verifier []byte) authn.VerifyResponse {
		t.Helper()
		decoy := authn.Record{ID: "Kdecoy", Verifier: verifier[:1]}
		got, err := a.Verify(t.Context(), authn.VerifyRequest{
			ID: "my-tenant", Secret: secret.Text(text), Records: []authn.Record{decoy, {ID: "K1", Verifier: verifier}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for name, hash := range vectors {
		t.Run(name, func(t *testing.T) {
			made := imported(t, a, hash)
			if made.Problem != "" || !strings.HasPrefix(name, made.Scheme) {
				t.Fatalf("scheme %q, problem %q", made.Scheme, made.Problem)
			}
			if got := verify(oldSecret+"x", made.Verifier); got.Reason != authn.WrongSecret {
				t.Errorf("a wrong secret: %+v", got)
			}
			if got := verify("correct-horse", made.Verifier); got.Reason != authn.Malformed {
				t.Errorf("a secret without the prefix: %+v", got)
			}
			first := verify(oldSecret, made.Verifier)
			if first.RecordID != "K1" || len(first.NewVerifier) == 0 {
				t.Fatalf("the right secret: %+v, want accepted with a new verifier", first)
			}
			if again := verify(oldSecret, first.NewVerifier); again.RecordID != "K1" || again.NewVerifier != nil {
				t.Errorf("with its new verifier: %+v, want accepted as it is", again)
			}
			if got := verify(oldSecret+"x", first.NewVerifier); got.Reason != authn.WrongSecret {
				t.Errorf("a wrong secret with the new verifier: %+v", got)
			}
		})
	}
}

func TestWhatCannotBeImportedIsRefused(t *testing.T) {
	t.Parallel()
	a := taking(t, withImports)
	salt, sum := "$/HqUPvDs1ki8F9Jg7liaQw", "$Zc39ZnAijrIjEmf6BssGXllnwtEuWOeMSj14i1o4AaA"
	argon2 := func(parameters string) string { return "$argon2id$v=19$" + parameters + salt + sum }
	bcrypt := func(begin string) string { return begin + "$XL9ImK5xCgsawSP.AkHoTO7n6xJL4RQsKGuHxBdhDnoFibdxXTPeO" }
	for name, hash := range map[string]string{
		"nothing":                   "",
		"no scheme":                 "9271dece7ac7968bb865913b7e99f64871a4a1ae095812a49667e894d8a29d38",
		"a short sum":               "sha256$9271dece",
		"an overlong sum":           "sha256$" + strings.Repeat("9", 66),
		"a sum with a line break":   "sha256$knHeznrHlou4ZZE7fpn2SHGkoa4JWBKklmfolNiinTg=\n",
		"base64 with spare bits":    "sha256$knHeznrHlou4ZZE7fpn2SHGkoa4JWBKklmfolNiinTh=",
		"an empty salt":             "sha256$prefix$$9271dece7ac7968bb865913b7e99f64871a4a1ae095812a49667e894d8a29d38",
		"a huge salt":               "sha256$prefix$" + strings.Repeat("cGVw", 40) + "$9271dece7ac7968bb865913b7e99f64871a4a1ae095812a49667e894d8a29d38",
		"a salt in the middle":      "sha256$middle$cGVwcGVy$9271dece7ac7968bb865913b7e99f64871a4a1ae095812a49667e894d8a29d38",
		"longer than any":           "sha256$" + strings.Repeat("a", 600),
		"bcrypt of cost 15":         bcrypt("$2b$15"),
		"bcrypt of cost 31":         bcrypt("$2b$31"),
		"bcrypt of cost 3":          bcrypt("$2b$03"),
		"bcrypt of cost +5":         bcrypt("$2b$+5"),
		"bcrypt with the x defect":  bcrypt("$2x$04"),
		"bcrypt of 1999":            bcrypt("$2$004"),
		"bcrypt cut short":          "$2b$04$XL9ImK5xCgsawSP",
		"bcrypt with a colon":       "$2b$04$XL9ImK5xCgsawSP.AkHoTO7n6xJL4RQsKGuHxBdhDnoFibdxXTPe:",
		"argon2id of 1 GiB":         argon2("m=1048576,t=2,p=2"),
		"argon2id beyond 32 bits":   argon2("m=68719476736,t=2,p=2"),
		"argon2id of a million t":   argon2("m=1024,t=1000000,p=2"),
		"argon2id of no pass":       argon2("m=1024,t=0,p=2"),
		"argon2id of 255 lanes":     argon2("m=65536,t=2,p=255"),
		"argon2id of no lane":       argon2("m=1024,t=2,p=0"),
		"argon2id of too little":    argon2("m=8,t=2,p=2"),
		"argon2id with +t":          argon2("m=1024,t=+2,p=2"),
		"argon2id in another order": argon2("t=2,m=1024,p=2"),
		"argon2id with a fourth":    argon2("m=1024,t=2,p=2,x=1"),
		"argon2id of version 16":    "$argon2id$v=16$m=1024,t=2,p=2" + salt + sum,
		"argon2i":                   "$argon2i$v=19$m=1024,t=2,p=2" + salt + sum,
		"argon2id without salt":     "$argon2id$v=19$m=1024,t=2,p=2$" + sum,
		"argon2id with a short sum": "$argon2id$v=19$m=1024,t=2,p=2" + salt + "$Zc39ZnAi",
	} {
		got := imported(t, a, hash)
		if got.Problem == "" || got.Verifier != nil {
			t.Errorf("%s: imported as %q", name, got.Scheme)
		}
		if part := hash[min(len(hash), 14):min(len(hash), 30)]; len(part) > 8 && strings.Contains(got.Problem, part) {
			t.Errorf("%s: the problem %q has a part of the hash in it", name, got.Problem)
		}
	}
}

func TestAnInstanceThatIsNotSetUpImportsNothing(t *testing.T) {
	t.Parallel()
	if _, err := taking(t, `{}`).Import(t.Context(), []string{vectors["bcrypt 2b"]}); !problem.Is(err, problem.Unsupported) {
		t.Errorf("without the block: %v, want %s", err, problem.Unsupported)
	}
	if got := imported(t, taking(t, `{"imported": {}}`), vectors["hmac-sha256"]); got.Problem == "" {
		t.Error("an HMAC was imported without its key")
	}
	made := imported(t, taking(t, withImports), vectors["bcrypt 2b"])
	got, err := taking(t, `{}`).Verify(t.Context(), authn.VerifyRequest{
		Secret: oldSecret, Records: []authn.Record{{ID: "K1", Verifier: made.Verifier}},
	})
	if err != nil || got.Reason != authn.Malformed {
		t.Errorf("the block was taken away: %+v, %v; want a refusal", got, err)
	}
}

// TestBcryptDoesNotAcceptWhatItDoesNotLookAt presents a secret with another end
// behind the 72 bytes that bcrypt reads.
func TestBcryptDoesNotAcceptWhatItDoesNotLookAt(t *testing.T) {
	t.Parallel()
	a := taking(t, `{"imported": {}}`)
	// crypt(3) of 72 times "a".
	made := imported(t, a, "$2b$04$abcdefghijklmnopqrstuuBzzIgyKkz7xMWYSzkIjUSnxEQFQ0WNe")
	for text, want := range map[string]bool{strings.Repeat("a", 72): true, strings.Repeat("a", 73): false, strings.Repeat("a", 72) + "b": false} {
		got, err := a.Verify(t.Context(), authn.VerifyRequest{
			ID: "my-tenant", Secret: secret.Text(text), Records: []authn.Record{{ID: "K1", Verifier: made.Verifier}},
		})
		if err != nil || (got.Reason == 0) != want {
			t.Errorf("%d bytes: %+v, %v; want accepted %t", len(text), got, err, want)
		}
	}
}

func TestUnusableImportSettings(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]string{
		"our own prefix":           `{"imported": {"prefix": "ghk_"}}`,
		"what ours begins with":    `{"imported": {"prefix": "gh"}}`,
		"what begins with ours":    `{"prefix": "acme", "imported": {"prefix": "acme_live_"}}`,
		"a space":                  `{"imported": {"prefix": "sk live"}}`,
		"letters of no alphabet":   `{"imported": {"prefix": "clé_"}}`,
		"a long prefix":            `{"imported": {"prefix": "` + strings.Repeat("a", 33) + `"}}`,
		"a short key for HMACs":    `{"imported": {"hmac_key": "short"}}`,
		"headers without prefix":   `{"imported": {"secret_headers": ["X-API-Key"]}}`,
		"a header of the pair":     `{"imported": {"prefix": "sk_", "secret_headers": ["x-client-secret"]}}`,
		"a header twice":           `{"imported": {"prefix": "sk_", "secret_headers": ["X-API-Key", "x-api-key"]}}`,
		"no name of a header":      `{"imported": {"prefix": "sk_", "secret_headers": ["X API Key"]}}`,
		"an attribute of nobody's": `{"imported": {"pepper": "x"}}`,
	} {
		_, ds := apikey.Plugin().Programs[0].New(t.Context(), instance.Config{
			Name: "apikey", Values: []byte(values), Keys: []instance.Key{key("1")}, Logger: slog.New(slog.DiscardHandler),
		})
		if !ds.HasErrors() {
			t.Errorf("%s: the instance was made", name)
		}
	}
}

// TestHowAHashIsWrittenDoesNotMatter: importing what was imported before gives
// the same verifier, so that the host can see that nothing is new.
func TestHowAHashIsWrittenDoesNotMatter(t *testing.T) {
	t.Parallel()
	a := taking(t, withImports)
	rapid.Check(t, func(rt *rapid.T) {
		sum := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "sum")
		want := imported(t, a, "sha256$"+base64.StdEncoding.EncodeToString(sum))
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			got := imported(t, a, "sha256$"+encoding.EncodeToString(sum))
			if got.Problem != "" || !bytes.Equal(got.Verifier, want.Verifier) {
				rt.Fatalf("%q: %+v, want %q", encoding.EncodeToString(sum), got, want.Verifier)
			}
		}
	})
}

// FuzzImport imports hostile hashes and presents a secret to what came out: the
// limits hold if it comes to an end.
func FuzzImport(f *testing.F) {
	for _, hash := range vectors {
		f.Add(hash)
	}
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$/HqUPvDs1ki8F9Jg7liaQw$Zc39ZnAijrIjEmf6BssGXllnwtEuWOeMSj14i1o4AaA")
	f.Add("$2b$31$XL9ImK5xCgsawSP.AkHoTO7n6xJL4RQsKGuHxBdhDnoFibdxXTPeO")
	f.Add("sha256$prefix$=$=")
	f.Add("$$$")
	a := taking(f, withImports)
	right := map[string]bool{}
	for _, hash := range vectors {
		right[string(imported(f, a, hash).Verifier)] = true
	}
	f.Fuzz(func(t *testing.T, hash string) {
		got := imported(t, a, hash)
		if (got.Problem == "") == (got.Verifier == nil) || (got.Problem == "") == (got.Scheme == "") {
			t.Fatalf("neither imported nor refused: %+v", got)
		}
		if got.Problem != "" {
			return
		}
		if again := imported(t, a, string(got.Verifier[1:])); !bytes.Equal(again.Verifier, got.Verifier) {
			t.Errorf("%q is read as %q, and that as %q", hash, got.Verifier, again.Verifier)
		}
		answer, err := a.Verify(t.Context(), authn.VerifyRequest{Secret: oldSecret, Records: []authn.Record{{ID: "K1", Verifier: got.Verifier}}})
		if err != nil || (answer.Reason == 0 && !right[string(got.Verifier)]) {
			t.Errorf("%q: %+v, %v", hash, answer, err)
		}
	})
}

func TestOnlyWhatNeedsNoRecordIsFoundByDigest(t *testing.T) {
	t.Parallel()
	a := taking(t, withImports)
	digests, err := a.(authn.Locator).Locate(t.Context(), oldSecret)
	if err != nil || len(digests) != 2 {
		t.Fatalf("%d digests, error %v", len(digests), err)
	}
	for name, hash := range vectors {
		made := imported(t, a, hash)
		can := strings.Count(hash, "$") == 1
		isOne := bytes.Equal(made.Digest, digests[0]) || bytes.Equal(made.Digest, digests[1])
		if isOne != can || (made.Digest != nil) != can {
			t.Errorf("%s: a digest of %d bytes, found %t, want found %t", name, len(made.Digest), isOne, can)
		}
	}
	other, _ := apikey.Plugin().Programs[0].New(t.Context(), instance.Config{
		Name: "apikey.other", Values: []byte(withImports), Keys: []instance.Key{key("1")}, Logger: slog.New(slog.DiscardHandler),
	})
	elsewhere, err := other.(authn.Locator).Locate(t.Context(), oldSecret)
	if err != nil || bytes.Equal(elsewhere[0], digests[0]) || bytes.Equal(elsewhere[1], digests[1]) {
		t.Errorf("another instance makes the same digests, error %v", err)
	}
	if _, err := taking(t, `{}`).(authn.Locator).Locate(t.Context(), oldSecret); !problem.Is(err, problem.Unsupported) {
		t.Errorf("without the block: %v, want %s", err, problem.Unsupported)
	}
}
