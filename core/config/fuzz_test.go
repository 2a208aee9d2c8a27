package config_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/core/config"
)

// FuzzLoad reads hostile text as a document of the store would be: nothing
// panics, the output is text and JSON, and both are bounded.
func FuzzLoad(f *testing.F) {
	for _, name := range cases(f) {
		files, err := filepath.Glob(filepath.Join("testdata", name, "*.hcl"))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Add([]byte(withSecrets))
	f.Add([]byte("a = <<-E\n${env(\"x\")}%{ if true }\nE\n"))
	f.Add([]byte("authenticator \"acme\" {\n  issuer = 1e9999999999\n  claims = { (x) = 1, \"\" = null }\n}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		src := config.Source{Files: []config.File{{Name: "x.hcl", Text: text}}}
		_, r := everything(src, config.Options{Env: environment, Dev: len(text)%2 == 0, AllowUnset: len(text)%3 == 0})
		var out, doc bytes.Buffer
		if err := r.WriteText(&out, 78, false); err != nil {
			t.Fatal(err)
		}
		if err := r.WriteJSON(&doc); err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(out.Bytes()) || !json.Valid(doc.Bytes()) || bytes.ContainsAny(out.Bytes(), "\x00\x1b\r") {
			t.Errorf("printed: %q", out.Bytes())
		}
		if r.Len() > 1000 {
			t.Errorf("%d diagnostics", r.Len())
		}
		if formatted, err := config.Format(text); err == nil {
			if _, err := config.Format(formatted); err != nil {
				t.Errorf("what was formatted does not parse: %v\n%s", err, formatted)
			}
		}
	})
}
