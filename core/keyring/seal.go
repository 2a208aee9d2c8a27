package keyring

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
)

// ErrNotOurs is a value that was not sealed here for this purpose and with
// this associated data, or whose key is gone.
var ErrNotOurs = errors.New("the value was not sealed here for this purpose")

// format is the first byte of a value that names its key. The key's id and the
// length of it follow.
const format = 1

// Seal encrypts plaintext for a purpose. It opens only with the same purpose
// and associated data, such as the id of the row that it stands in.
func (k *Keyring) Seal(p Purpose, associated, plaintext []byte) ([]byte, error) {
	key, err := k.active(p, algAEAD)
	if err != nil {
		return nil, err
	}
	text, err := key.aead.Encrypt(plaintext, bind(string(p), key.id, string(associated)))
	if err != nil {
		return nil, fmt.Errorf("sealing for %s: %w", p, err)
	}
	return append(header(key.id), text...), nil
}

// Unseal opens what Seal returned. Its error is ErrNotOurs.
func (k *Keyring) Unseal(p Purpose, associated, sealed []byte) ([]byte, error) {
	id, text, ok := split(sealed)
	if !ok {
		return nil, ErrNotOurs
	}
	key, ok := k.named(p, algAEAD, id)
	if !ok {
		return nil, ErrNotOurs
	}
	plain, err := key.aead.Decrypt(text, bind(string(p), id, string(associated)))
	if err != nil {
		return nil, ErrNotOurs
	}
	return plain, nil
}

// MAC is the keyed hash (HMAC-SHA-256, RFC 2104) of data for a purpose, with
// the id of its key before it. CheckMAC compares it.
func (k *Keyring) MAC(p Purpose, data []byte) ([]byte, error) {
	key, err := k.active(p, algHMAC)
	if err != nil {
		return nil, err
	}
	return append(header(key.id), sum(key, data)...), nil
}

// CheckMAC reports in constant time whether mac is that of data. It holds for
// retired keys too.
func (k *Keyring) CheckMAC(p Purpose, data, mac []byte) bool {
	id, want, ok := split(mac)
	if !ok {
		return false
	}
	key, ok := k.named(p, algHMAC, id)
	return ok && hmac.Equal(want, sum(key, data))
}

// IsOutdated reports whether a MAC names another key than the one that is used
// now: it holds, and is to be made anew.
func (k *Keyring) IsOutdated(p Purpose, mac []byte) bool {
	id, _, ok := split(mac)
	now, err := k.active(p, algHMAC)
	return ok && err == nil && id != now.id
}

func sum(k key, data []byte) []byte {
	h := hmac.New(sha256.New, k.secret.Reveal())
	h.Write(data)
	return h.Sum(nil)
}

func header(id string) []byte { return append([]byte{format, byte(len(id))}, id...) }

func split(value []byte) (id string, rest []byte, ok bool) {
	if len(value) < 2 || value[0] != format || len(value) < 2+int(value[1]) {
		return "", nil, false
	}
	end := 2 + int(value[1])
	return string(value[2:end]), value[end:], true
}
