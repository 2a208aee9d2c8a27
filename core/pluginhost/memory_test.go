package pluginhost_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// memory is what instances keep: ids that count once, blobs, and key pairs. It
// also keeps who asked for what, and fails on request.
type memory struct {
	mu      sync.Mutex
	taken   map[string]time.Time
	blobs   map[string]blobOf
	pairs   map[string]*rsa.PrivateKey // by instance and key id
	callers []string
	fail    error
}

type blobOf struct {
	blob    []byte
	version int64
}

// asked begins a request of a caller. The lock is held until the end.
func (m *memory) asked(ctx context.Context, at pluginhost.Caller, what string) (end func(), err error) {
	m.mu.Lock()
	m.callers = append(m.callers, fmt.Sprintf("%s of %s %s: %s", at.Instance, at.Organization, at.TraceID, what))
	if _, ok := ctx.Deadline(); !ok && m.fail == nil {
		return m.mu.Unlock, problem.New(problem.Internal, "the request has no deadline")
	}
	return m.mu.Unlock, m.fail
}

// all is who asked for what.
func (m *memory) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.callers)
}

func (m *memory) Take(ctx context.Context, at pluginhost.Caller, kind, id string, until time.Time) (bool, error) {
	end, err := m.asked(ctx, at, "take "+kind)
	defer end()
	if err != nil {
		return false, err
	}
	if m.taken == nil {
		m.taken = map[string]time.Time{}
	}
	key := at.Instance + "\x00" + kind + "\x00" + id
	if m.taken[key].After(time.Now()) {
		return false, nil
	}
	m.taken[key] = until
	return true, nil
}

func (m *memory) Load(ctx context.Context, at pluginhost.Caller, name string) ([]byte, int64, error) {
	end, err := m.asked(ctx, at, "load "+name)
	defer end()
	b := m.blobs[at.Instance+"\x00"+name]
	return b.blob, b.version, err
}

func (m *memory) Save(ctx context.Context, at pluginhost.Caller, name string, blob []byte, version int64) (int64, error) {
	end, err := m.asked(ctx, at, "save "+name)
	defer end()
	if err != nil {
		return 0, err
	}
	if m.blobs == nil {
		m.blobs = map[string]blobOf{}
	}
	key := at.Instance + "\x00" + name
	if m.blobs[key].version != version {
		return 0, problem.New(problem.Changed, "another one is there")
	}
	m.blobs[key] = blobOf{slices.Clone(blob), version + 1}
	return version + 1, nil
}

// Public makes a pair for each purpose, named by it. Their size is that of a test.
func (m *memory) Public(ctx context.Context, at pluginhost.Caller, purpose hostsvc.KeyPurpose) ([]hostsvc.PublicKey, error) {
	end, err := m.asked(ctx, at, fmt.Sprint("keys ", int(purpose)))
	defer end()
	if err != nil {
		return nil, err
	}
	id := fmt.Sprint("k", int(purpose))
	pair := m.pairs[at.Instance+"\x00"+id]
	if pair == nil {
		if pair, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return nil, err
		}
		if m.pairs == nil {
			m.pairs = map[string]*rsa.PrivateKey{}
		}
		m.pairs[at.Instance+"\x00"+id] = pair
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: at.Instance}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pair.Public(), pair)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return []hostsvc.PublicKey{{ID: id, Certificate: certificate, Current: true}}, err
}

func (m *memory) pair(at pluginhost.Caller, keyID string) (*rsa.PrivateKey, error) {
	if pair := m.pairs[at.Instance+"\x00"+keyID]; pair != nil {
		return pair, nil
	}
	return nil, problem.New(problem.NotFound, "the instance has no such key")
}

func (m *memory) Sign(ctx context.Context, at pluginhost.Caller, keyID, algorithm string, digest []byte) ([]byte, error) {
	end, err := m.asked(ctx, at, "sign "+keyID+" "+algorithm)
	defer end()
	if err != nil {
		return nil, err
	}
	pair, err := m.pair(at, keyID)
	if err != nil {
		return nil, err
	}
	if algorithm == "PS256" {
		return rsa.SignPSS(rand.Reader, pair, crypto.SHA256, digest, nil)
	}
	return rsa.SignPKCS1v15(rand.Reader, pair, crypto.SHA256, digest)
}

func (m *memory) Decrypt(ctx context.Context, at pluginhost.Caller, keyID string, o rsa.OAEPOptions, ciphertext []byte) ([]byte, error) {
	end, err := m.asked(ctx, at, fmt.Sprint("decrypt ", keyID, " ", o.Hash, " ", o.MGFHash))
	defer end()
	if err != nil {
		return nil, err
	}
	pair, err := m.pair(at, keyID)
	if err != nil {
		return nil, err
	}
	plaintext, err := pair.Decrypt(nil, ciphertext, &o)
	if err != nil {
		return nil, problem.New(problem.Invalid, "it cannot be decrypted")
	}
	return plaintext, nil
}

// encrypted is a text for a key of an instance.
func (m *memory) encrypted(instance, keyID, text string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return rsa.EncryptOAEP(sha256.New(), rand.Reader, &m.pairs[instance+"\x00"+keyID].PublicKey, []byte(text), []byte("l"))
}
