package keyring_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestLoadRootKey(t *testing.T) {
	raw := bytes.Repeat([]byte{0x5a}, 32)
	good := base64.StdEncoding.EncodeToString(raw)
	dir := t.TempDir()
	file := func(name, content string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := map[string]struct {
		value, path string
		ok          bool
	}{
		"a value":                   {value: good, ok: true},
		"a value with a line break": {value: good + "\n", ok: true},
		"a private file":            {path: file("private", good+"\n", 0o600), ok: true},
		"a read-only file":          {path: file("readonly", good, 0o400), ok: true},
		"nothing":                   {},
		"both":                      {value: good, path: file("both", good, 0o600)},
		"a file its group can read": {path: file("group", good, 0o640)},
		"a file others can read":    {path: file("others", good, 0o604)},
		"a folder":                  {path: dir},
		"no file":                   {path: filepath.Join(dir, "missing")},
		"a short key":               {value: base64.StdEncoding.EncodeToString(raw[:31])},
		"a long key":                {value: base64.StdEncoding.EncodeToString(append(raw, 0))},
		"not base64":                {value: "hunter2-" + good},
		"an empty file":             {path: file("empty", "", 0o600)},
		"a large file":              {path: file("large", strings.Repeat(good, 1000), 0o600)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			key, err := keyring.LoadRootKey(tt.value, tt.path)
			if tt.ok {
				if err != nil || !bytes.Equal(key.Reveal(), raw) {
					t.Errorf("%x, %v", key.Reveal(), err)
				}
				return
			}
			if !problem.Is(err, problem.Invalid) || problem.As(err).Hint == "" {
				t.Errorf("error %v, want one with a hint", err)
			}
			if text := fmt.Sprintf("%+v", err); strings.Contains(text, "hunter2") || strings.Contains(text, good[:20]) {
				t.Errorf("the error shows the key: %s", text)
			}
		})
	}
}

func TestCreateRootKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	if err := keyring.CreateRootKeyFile(path, rand.Reader); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	first, err := keyring.LoadRootKey("", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := keyring.CreateRootKeyFile(path, rand.Reader); err == nil {
		t.Error("a key was overwritten")
	}
	again, err := keyring.LoadRootKey("", path)
	if err != nil || !bytes.Equal(first.Reveal(), again.Reveal()) {
		t.Errorf("the key has changed: %v", err)
	}
}
