package apikey

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"hash"
	"sync"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// A verifier is what the host stores of a secret:
//
//	version  1 byte, 1
//	n        1 byte, the length of the key's id
//	key id   n bytes
//	mac      32 bytes, HMAC-SHA-256 under that key
//
// over purpose, the instance's name, the record's id and the secret, each of
// the last three with its length before it. So a verifier fits no other
// record, no other instance and no other use of the key.
const (
	version = 1
	purpose = "gatehouse apikey verifier 1\x00"
	keySize = 32 // bytes
	macSize = sha256.Size
)

// keyset makes and compares verifiers of one instance.
type keyset struct {
	instance string
	newest   *key
	byID     map[string]*key
}

// key keeps hashers that are ready for use: preparing one costs more than the
// hash itself.
type key struct {
	id      string
	hashers sync.Pool // of *hasher
}

type hasher struct {
	hmac  hash.Hash
	input []byte
	sum   []byte
}

func newKeyset(name string, keys []instance.Key) (*keyset, error) {
	if len(keys) == 0 {
		return nil, errors.New("there is none")
	}
	s := &keyset{instance: name, byID: make(map[string]*key, len(keys))}
	for _, k := range keys {
		if k.ID == "" || len(k.ID) > 255 || len(k.Key) != keySize {
			return nil, errors.New("a key has an id of 1 to 255 bytes, and 32 bytes")
		}
		if s.byID[k.ID] != nil {
			return nil, errors.New("two keys have one id")
		}
		made := &key{id: k.ID}
		made.hashers.New = func() any { return &hasher{hmac: hmac.New(sha256.New, k.Key)} }
		s.byID[k.ID] = made
	}
	s.newest = s.byID[keys[0].ID]
	return s, nil
}

// verifier makes the verifier of a record's secret under the newest key.
func (s *keyset) verifier(record string, presented secret.Text) []byte {
	out := make([]byte, 0, 2+len(s.newest.id)+macSize)
	out = append(out, version, byte(len(s.newest.id)))
	out = append(out, s.newest.id...)
	mac := s.newest.mac(s.instance, record, presented)
	return append(out, mac[:]...)
}

// comparison is the outcome for one record.
type comparison struct {
	equal    bool
	oldKey   bool // it names a key that is not the newest
	unusable bool // it has no right form, or its key is gone
}

// compare reports whether the secret is the record's. A verifier that is
// unusable costs as much as a good one: the newest key and a MAC of zeros stand
// in for what is missing, and the result does not count.
func (s *keyset) compare(record authn.Record, presented secret.Text) comparison {
	id, stored, ok := split(record.Verifier)
	k := s.byID[id]
	if !ok || k == nil {
		k, ok = s.newest, false
	}
	mac := k.mac(s.instance, record.ID, presented)
	same := subtle.ConstantTimeCompare(mac[:], stored[:]) == 1
	return comparison{equal: same && ok, oldKey: k != s.newest, unusable: !ok}
}

// split takes a verifier apart.
func split(verifier []byte) (keyID string, mac [macSize]byte, ok bool) {
	if len(verifier) < 2 || verifier[0] != version {
		return "", mac, false
	}
	n := int(verifier[1])
	rest := verifier[2:]
	if len(rest) != n+macSize {
		return "", mac, false
	}
	copy(mac[:], rest[n:])
	return string(rest[:n]), mac, true
}

// mac is the keyed hash of a record's secret.
func (k *key) mac(instance, record string, presented secret.Text) (out [macSize]byte) {
	h := k.hashers.Get().(*hasher)
	defer k.hashers.Put(h)
	h.input = append(h.input[:0], purpose...)
	h.input = appendPart(h.input, instance)
	h.input = appendPart(h.input, record)
	h.input = appendPart(h.input, presented.Reveal())
	h.hmac.Reset()
	h.hmac.Write(h.input)
	clear(h.input) // the secret does not stay in the pool
	h.sum = h.hmac.Sum(h.sum[:0])
	copy(out[:], h.sum)
	return out
}

func appendPart(to []byte, part string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(part))), part...)
}
