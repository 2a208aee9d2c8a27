package keyring

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// RootKey encrypts all other keys. It is the one secret that is not in the
// database, and never shows itself.
type RootKey struct{ Material }

const makeHint = "make one with: openssl rand -base64 32"

// LoadRootKey reads the root key, 32 bytes in base64, from the value of
// GATEHOUSE_ROOT_KEY or from a file, of which exactly one is given. A file that
// its group or others may read is refused. Errors never show what was read.
func LoadRootKey(value, path string) (RootKey, error) {
	switch {
	case value != "" && path != "":
		return RootKey{}, problem.New(problem.Invalid, "there are two root keys: GATEHOUSE_ROOT_KEY and the file %s", path).
			WithHint("take one of them away")
	case value != "":
		return decodeRootKey(value, "GATEHOUSE_ROOT_KEY")
	case path == "":
		return RootKey{}, problem.New(problem.Invalid, "there is no root key").
			WithHint("set GATEHOUSE_ROOT_KEY, or root_key_file in the keyring block; %s", makeHint)
	}
	text, err := readPrivate(path)
	if err != nil {
		return RootKey{}, err
	}
	return decodeRootKey(text, path)
}

func decodeRootKey(text, from string) (RootKey, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != size {
		return RootKey{}, problem.New(problem.Invalid, "the root key from %s is not 32 bytes in base64", from).WithHint(makeHint)
	}
	m, err := newMaterial(raw)
	return RootKey{m}, err
}

// readPrivate reads a small file after a look at the very file that it has
// opened.
func readPrivate(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", problem.Wrap(err, problem.Invalid, "the root key file %s cannot be opened", path).
			WithHint("check root_key_file and the rights of the host's user")
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("root key file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return "", problem.New(problem.Invalid, "the root key file %s can be read by others, or is no file (%s)", path, info.Mode()).
			WithHint("chmod 600 %s", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, 1024))
	if err != nil {
		return "", fmt.Errorf("root key file: %w", err)
	}
	return string(text), nil
}

// CreateRootKeyFile makes a new root key in a file that must not exist, for
// development: in production the key's owner makes it, and keeps a copy.
func CreateRootKeyFile(path string, random io.Reader) error {
	key, err := randomMaterial(random)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("creating the root key file: %w", err)
	}
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key.Reveal()) + "\n")
	// A key that a power cut takes away would take the whole store with it.
	if err = errors.Join(err, f.Sync(), f.Close(), syncFolder(filepath.Dir(path))); err != nil {
		return fmt.Errorf("writing the root key file: %w", err)
	}
	return nil
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// sealer is the AEAD that encrypts the rows of the keyring. Its key is derived,
// so that the root key can serve other ends later.
func (r RootKey) sealer() (tink.AEAD, error) {
	if r.Reveal() == nil {
		return nil, problem.New(problem.Invalid, "there is no root key").WithHint(makeHint)
	}
	key, err := hkdf.Key(sha256.New, r.Reveal(), nil, "gatehouse keyring rows, version 1", size)
	if err != nil {
		return nil, fmt.Errorf("deriving from the root key: %w", err)
	}
	return subtle.NewXChaCha20Poly1305(key)
}
