package secret_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

func TestWhatIsMadeIsParsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.StringMatching(`[a-z][a-z0-9]{1,15}`).Draw(t, "prefix")
		id := rapid.StringMatching(`[0-9A-Za-z]{1,64}`).Draw(t, "id")
		made, err := secret.New(rand.Reader, prefix, id)
		if err != nil {
			t.Fatal(err)
		}
		gotPrefix, gotID, err := secret.Parse(made)
		if err != nil || gotPrefix != prefix || gotID != id {
			t.Fatalf("Parse = %q, %q, %v", gotPrefix, gotID, err)
		}
		if len(made.Reveal()) > secret.Limit {
			t.Fatalf("%d characters, over the limit", len(made.Reveal()))
		}
	})
}

func TestOneWrongCharacterIsSeen(t *testing.T) {
	made, err := secret.New(rand.Reader, "ghk", "K123")
	if err != nil {
		t.Fatal(err)
	}
	text := made.Reveal()
	for i := range len(text) {
		for _, c := range "0aZ_-\x00" {
			typo := text[:i] + string(c) + text[i+1:]
			if typo == text {
				continue
			}
			if _, _, err := secret.Parse(secret.Text(typo)); err == nil {
				t.Fatalf("character %d replaced by %q passed", i, c)
			}
		}
		if _, _, err := secret.Parse(secret.Text(text[:i])); err == nil {
			t.Fatalf("cut to %d characters passed", i)
		}
	}
}

// TestTheFormStays: secrets that were handed out stay good.
func TestTheFormStays(t *testing.T) {
	made, err := secret.New(bytes.NewReader(bytes.Repeat([]byte{0x5a}, 32)), "ghk", "K123")
	if want := "ghk_K123_lqnugzht5U543Ef8CVf8TkDpLCvKnsyqaQ1kiQz6F740G3K0I"; err != nil || made.Reveal() != want {
		t.Errorf("%q, %v; want %q", made.Reveal(), err, want)
	}
}

func BenchmarkParse(b *testing.B) {
	made, err := secret.New(rand.Reader, "ghk", "K7f3abcdefghijklmnopqr")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := secret.Parse(made); err != nil {
			b.Fatal(err)
		}
	}
}

func TestEntropyIsUsed(t *testing.T) {
	a, err := secret.New(bytes.NewReader(bytes.Repeat([]byte{0xff}, 32)), "ghk", "K1")
	if err != nil {
		t.Fatal(err)
	}
	b, err := secret.New(bytes.NewReader(append(bytes.Repeat([]byte{0xff}, 31), 0xfe)), "ghk", "K1")
	if err != nil {
		t.Fatal(err)
	}
	if a.Equal(b) {
		t.Error("the last of 256 bits does not count")
	}
	if _, err := secret.New(bytes.NewReader(make([]byte, 31)), "ghk", "K1"); err == nil {
		t.Error("31 bytes of randomness were enough")
	}
}

func TestTextIsNeverShown(t *testing.T) {
	text := secret.Text("canary")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", text, "all", struct{ S secret.Text }{text})
	encoded, err := json.Marshal(map[string]any{"s": text})
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(encoded) + fmt.Sprintf("%v %+v %#v %s %q %x %d", text, text, text, text, text, text, text) +
		fmt.Sprintf("%v %+v %#v", struct{ S secret.Text }{text}, &struct{ S secret.Text }{text}, []secret.Text{text})
	if strings.Contains(shown, "canary") || strings.Contains(shown, "63616e617279") {
		t.Errorf("the secret was shown: %s", shown)
	}
}

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id, err := secret.NewID(rand.Reader, "K", 15)
		if err != nil || len(id) != 16 || id[0] != 'K' || seen[id] {
			t.Fatalf("id %q, %v", id, err)
		}
		seen[id] = true
	}
}

func FuzzParse(f *testing.F) {
	good, err := secret.New(rand.Reader, "ghk", "K123")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.Reveal())
	f.Add("ghk__")
	f.Add("_")
	f.Fuzz(func(t *testing.T, text string) {
		prefix, id, err := secret.Parse(secret.Text(text))
		if err == nil && !strings.HasPrefix(text, prefix+"_"+id+"_") {
			t.Errorf("Parse(%q) = %q, %q", text, prefix, id)
		}
	})
}
