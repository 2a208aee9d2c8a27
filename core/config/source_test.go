package config_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/config"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReadDir(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		make func(t *testing.T, dir string)
		want []string // names; nil is an error
		err  string
	}{
		"sorted, others left out": {func(t *testing.T, dir string) {
			for _, n := range []string{"b.hcl", "a.hcl", "c.txt", ".hidden.hcl"} {
				write(t, dir, n, "# text\n")
			}
		}, []string{"a.hcl", "b.hcl"}, ""},
		"a link within, as in a Kubernetes volume": {func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "..data"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, dir, "..data/a.hcl", "# text\n")
			if err := os.Symlink("..data/a.hcl", filepath.Join(dir, "a.hcl")); err != nil {
				t.Fatal(err)
			}
		}, []string{"a.hcl"}, ""},
		"a link that leads out": {func(t *testing.T, dir string) {
			if err := os.Symlink("/etc/hostname", filepath.Join(dir, "a.hcl")); err != nil {
				t.Fatal(err)
			}
		}, nil, "escapes"},
		"a folder with the name of a file": {func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "a.hcl"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, nil, "no regular file"},
		"a pipe does not hang": {func(t *testing.T, dir string) {
			if err := syscall.Mkfifo(filepath.Join(dir, "a.hcl"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, nil, "no regular file"},
		"too large": {func(t *testing.T, dir string) {
			write(t, dir, "a.hcl", strings.Repeat("#", config.FileLimit+1))
		}, nil, "more than 1048576 bytes"},
		"not UTF-8":       {func(t *testing.T, dir string) { write(t, dir, "a.hcl", "# \xff\n") }, nil, "UTF-8"},
		"nothing to read": {func(*testing.T, string) {}, nil, "has no *.hcl file"},
		"files of other names": {func(t *testing.T, dir string) {
			write(t, dir, "gatehouse.hcl.example", "")
			write(t, dir, ".gatehouse.hcl", "")
		}, nil, "has no *.hcl file"},
		"no folder at all": {func(t *testing.T, dir string) {
			if err := os.Remove(dir); err != nil {
				t.Fatal(err)
			}
		}, nil, "does not exist"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			tt.make(t, dir)
			src, err := config.ReadDir(dir)
			if tt.want == nil {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			var names []string
			for _, f := range src.Files {
				names = append(names, f.Name)
			}
			if d := cmp.Diff(tt.want, names); err != nil || d != "" {
				t.Errorf("error %v, names (-want +got):\n%s", err, d)
			}
		})
	}
	t.Run("one file", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		write(t, dir, "a.hcl", "# a\n")
		write(t, dir, "b.hcl", "# b\n")
		src, err := config.ReadDir(filepath.Join(dir, "b.hcl"))
		if err != nil || len(src.Files) != 1 || src.Files[0].Name != "b.hcl" || string(src.Files[0].Text) != "# b\n" {
			t.Errorf("got %v, error %v", src, err)
		}
	})
}

func sources() *rapid.Generator[config.Source] {
	return rapid.Custom(func(t *rapid.T) config.Source {
		var src config.Source
		for _, n := range []string{"a.hcl", "b.hcl", "c.hcl"} {
			if rapid.Bool().Draw(t, n) {
				src.Files = append(src.Files, config.File{Name: n, Text: []byte(rapid.String().Draw(t, "text"))})
			}
		}
		return src
	})
}

// A revision that is stored and read is the same, down to its digest, and no
// two configurations have one digest.
func TestStoredSource(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := sources().Draw(t, "a"), sources().Draw(t, "b")
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var read config.Source
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		if read.Digest() != a.Digest() {
			t.Errorf("the stored form of %v is read as %v", a, read)
		}
		if same := cmp.Equal(a, b); same != (a.Digest() == b.Digest()) {
			t.Errorf("same %v, digests %s and %s", same, a.Digest(), b.Digest())
		}
	})
}

func TestStoredSourceRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"a path":        `{"files":[{"name":"../a.hcl","text":""}]}`,
		"no name":       `{"files":[{"name":"","text":""}]}`,
		"twice":         `{"files":[{"name":"a.hcl","text":""},{"name":"a.hcl","text":""}]}`,
		"out of order":  `{"files":[{"name":"b.hcl","text":""},{"name":"a.hcl","text":""}]}`,
		"unknown field": `{"files":[],"values":{}}`,
		"no object":     `[]`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var src config.Source
			if err := json.Unmarshal([]byte(text), &src); err == nil {
				t.Errorf("%s was taken", text)
			}
		})
	}
}

// A revision holds the calls of env() and file(), never their values.
func TestStoredSourceHasNoValues(t *testing.T) {
	t.Parallel()
	src, err := config.ReadDir("testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	if _, r := everything(src, config.Options{Dir: "testdata/good", Env: environment, ReadFile: config.ReadUnder}); r.HasErrors() {
		t.Fatal("the configuration has errors")
	}
	text, err := json.Marshal(src)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("value-of")) || bytes.Contains(text, []byte("from-a-file")) || !bytes.Contains(text, []byte(`env(\"STORE_URL\")`)) {
		t.Errorf("stored: %s", text)
	}
}
