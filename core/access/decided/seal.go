package decided

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Keys are what ids are sealed with; a keyring.Keyring has them.
type Keys interface {
	Version() uint64
	Subkeys(p keyring.Purpose, use string) ([]keyring.Subkey, error)
}

// Size is how long every id is, in characters.
const Size = (sealedSize*8 + 5) / 6

// Form is the pattern of ids.
const Form = `^[0-9A-Za-z_-]{148}$`

var form = regexp.MustCompile(Form)

// The parts of an id: which way it is made, which key it is sealed with, the nonce,
// and the sealed facts. The nonce has 16 bytes, so that as many ids may be made with
// one key as anybody has requests: with the usual 12, two of the same would come to
// be likely after some 2^32.
const (
	version    = 1
	keySize    = 4
	headSize   = 1 + keySize
	nonceSize  = 16
	sealedSize = headSize + nonceSize + plainSize + tagSize
	tagSize    = 16
)

// use is what the keys are derived for.
const use = "ids of decisions, AES-256-GCM"

// Sealer makes ids and opens them. Its methods may be called by many goroutines.
type Sealer struct {
	keys    Keys
	clock   func() time.Time
	process uint32

	// Nonces are an encrypted counter: no two of one process are the same, nobody
	// sees an order in them, and no system call is made for one. The key is random,
	// so those of two processes meet as seldom as random ones, and the time is in
	// it, so that neither do those of two copies of one virtual machine.
	nonces  cipher.Block
	counter atomic.Uint64

	ring    atomic.Pointer[ring]
	making  sync.Mutex
	scratch sync.Pool
}

// ring is the keys as they were at a version of the keyring's.
type ring struct {
	version uint64
	keys    []sealing // that in use first
}

type sealing struct {
	id   [keySize]byte
	aead cipher.AEAD
}

// scratch is what an id is made in. It stays, since what goes through an interface
// cannot be on the stack.
type scratch struct {
	facts  Facts
	block  [nonceSize]byte
	plain  [plainSize]byte
	sealed [sealedSize]byte
	text   [Size]byte
}

// New returns a Sealer, which is a process of its own.
func New(keys Keys, clock func() time.Time, random io.Reader) (*Sealer, error) {
	var seed [32 + 4]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, fmt.Errorf("reading randomness: %w", err)
	}
	s := &Sealer{keys: keys, clock: clock, process: binary.BigEndian.Uint32(seed[32:]), scratch: sync.Pool{New: func() any { return new(scratch) }}}
	var err error
	if s.nonces, err = aes.NewCipher(seed[:32]); err != nil {
		return nil, err
	}
	_, err = s.load()
	return s, err
}

// Process is the number of this one, by which its ids are told from another's.
func (s *Sealer) Process() uint32 { return s.process }

// load returns the keys as they are now.
func (s *Sealer) load() (*ring, error) {
	r, now := s.ring.Load(), s.keys.Version()
	if r != nil && r.version == now {
		return r, nil
	}
	s.making.Lock()
	defer s.making.Unlock()
	if r := s.ring.Load(); r != nil && r.version == now {
		return r, nil
	}
	list, err := s.keys.Subkeys(keyring.Decision, use)
	if err != nil {
		return nil, err
	}
	r = &ring{version: now} // as it was before the keys were read
	for _, k := range list {
		block, err := aes.NewCipher(k.Key.Reveal())
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithNonceSize(block, nonceSize)
		if err != nil {
			return nil, err
		}
		tag := TagOf(k.ID)
		r.keys = append(r.keys, sealing{[keySize]byte(tag[:keySize]), aead})
	}
	if len(r.keys) == 0 {
		return nil, fmt.Errorf("there is no key for the ids of decisions")
	}
	s.ring.Store(r)
	return r, nil
}

// Seal makes an id. The time and the process are set here. Where it cannot be made
// there is none, and the decision stands all the same.
func (s *Sealer) Seal(f Facts) string {
	r, err := s.load()
	if err != nil {
		return ""
	}
	now := s.clock()
	w := s.scratch.Get().(*scratch)
	defer s.scratch.Put(w)
	w.facts = f
	w.facts.At, w.facts.Process = now, s.process
	w.facts.pack(&w.plain)
	key := &r.keys[0]
	w.sealed[0] = version
	copy(w.sealed[1:], key.id[:])
	binary.BigEndian.PutUint64(w.block[:], s.counter.Add(1))
	binary.BigEndian.PutUint64(w.block[8:], uint64(now.UnixNano()))
	nonce := w.sealed[headSize : headSize+nonceSize]
	s.nonces.Encrypt(nonce, w.block[:])
	key.aead.Seal(w.sealed[:headSize+nonceSize], nonce, w.plain[:], w.sealed[:headSize])
	base64.RawURLEncoding.Encode(w.text[:], w.sealed[:])
	return string(w.text[:])
}

// Open reads an id. What is none of ours, or too old, is a Problem (Invalid) that
// says what to look at.
func (s *Sealer) Open(id string) (Facts, error) {
	if !form.MatchString(id) {
		return Facts{}, problem.New(problem.Invalid, "this is no id of a decision: one has %d characters of A-Z, a-z, 0-9, \"_\" and \"-\", and this has %d characters", Size, len(id)).
			WithHint("copy the whole value of the header X-Gatehouse-Decision, or of \"decision\" in the answer to a refused request")
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(sealed) != sealedSize || sealed[0] != version {
		return Facts{}, notOurs()
	}
	r, err := s.load()
	if err != nil {
		return Facts{}, err
	}
	known := false
	for _, key := range r.keys {
		if [keySize]byte(sealed[1:headSize]) != key.id {
			continue
		}
		known = true
		plain, err := key.aead.Open(nil, sealed[headSize:headSize+nonceSize], sealed[headSize+nonceSize:], sealed[:headSize])
		if err != nil {
			continue
		}
		var f Facts
		if len(plain) != plainSize || !f.unpack((*[plainSize]byte)(plain)) {
			return Facts{}, problem.New(problem.Invalid, "the id was made by another version of this host").WithHint("ask a host of that version")
		}
		if s.clock().Sub(f.At) > keyring.DecisionKept {
			return Facts{}, problem.New(problem.Invalid, "the decision was made at %s, and its id could be opened for %d days", f.At.UTC().Format(time.RFC3339), keyring.DecisionKept/(24*time.Hour))
		}
		return f, nil
	}
	if known {
		return Facts{}, notOurs()
	}
	return Facts{}, problem.New(problem.Invalid, "the id is sealed with a key that this host does not have").
		WithHint("it is another installation's, or it was made more than %d days before gatehouse keyring rotate, or it was altered", keyring.DecisionKept/(24*time.Hour))
}

func notOurs() error {
	return problem.New(problem.Invalid, "the id was not made here, or a character of it was altered").
		WithHint("copy the whole value of the header X-Gatehouse-Decision again")
}
