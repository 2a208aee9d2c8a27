package plugintest

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// pairBits is the size of the keys: smaller than the host's, so that no test waits
// for it.
const pairBits = 2048

// pair is a key pair of an instance for one purpose.
type pair struct {
	hostsvc.PublicKey
	private *rsa.PrivateKey
}

// pairsOf are an instance's for a purpose. The first is made when it is first
// asked for. The lock is held.
func (h *host) pairsOf(instance string, purpose hostsvc.KeyPurpose) ([]pair, error) {
	at := pairSlot{instance, purpose}
	if len(h.pairs[at]) > 0 {
		return h.pairs[at], nil
	}
	made, err := newPair(instance, purpose, true)
	if err != nil {
		return nil, err
	}
	if h.pairs == nil {
		h.pairs = map[pairSlot][]pair{}
	}
	h.pairs[at] = []pair{made}
	return h.pairs[at], nil
}

type pairSlot struct {
	instance string
	purpose  hostsvc.KeyPurpose
}

func newPair(instance string, purpose hostsvc.KeyPurpose, current bool) (pair, error) {
	private, err := rsa.GenerateKey(rand.Reader, pairBits)
	if err != nil {
		return pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "Gatehouse " + instance},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if purpose == hostsvc.KeyDecrypt {
		template.KeyUsage = x509.KeyUsageKeyEncipherment
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return pair{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	return pair{hostsvc.PublicKey{ID: rand.Text()[:16], Certificate: certificate, Current: current}, private}, err
}

// keysService uses the private keys of instances.
type keysService struct {
	hostv1.UnimplementedKeysServiceServer
	host *host
}

// List returns the public keys of the call's instance.
func (s keysService) List(_ context.Context, r *hostv1.ListRequest) (*hostv1.ListResponse, error) {
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	instance, err := s.host.scope(r.GetHandle(), hostsvc.KeysService)
	if err != nil {
		return nil, err
	}
	purpose := hostsvc.KeyPurpose(r.GetPurpose())
	if purpose != hostsvc.KeySign && purpose != hostsvc.KeyDecrypt {
		return nil, problem.New(problem.Invalid, "a key is to sign or to decrypt")
	}
	pairs, err := s.host.pairsOf(instance, purpose)
	if err != nil {
		return nil, err
	}
	out := &hostv1.ListResponse{}
	for _, p := range pairs {
		out.Keys = append(out.Keys, &hostv1.PublicKey{Id: p.ID, Certificate: p.Certificate.Raw, Current: p.Current})
	}
	return out, nil
}

// private finds a key of a live call's instance, for its purpose alone.
func (s keysService) private(handle, id string, purpose hostsvc.KeyPurpose) (*rsa.PrivateKey, error) {
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	instance, err := s.host.scope(handle, hostsvc.KeysService)
	if err != nil {
		return nil, err
	}
	for _, p := range s.host.pairs[pairSlot{instance, purpose}] {
		if p.ID == id {
			return p.private, nil
		}
	}
	return nil, problem.New(problem.NotFound, "the instance has no such key")
}

// Sign signs with a key of the call's instance.
func (s keysService) Sign(_ context.Context, r *hostv1.SignRequest) (*hostv1.SignResponse, error) {
	private, err := s.private(r.GetHandle(), r.GetKeyId(), hostsvc.KeySign)
	if err != nil {
		return nil, err
	}
	if len(r.GetDigest()) != sha256.Size {
		return nil, problem.New(problem.Invalid, "a digest of SHA-256 has %d bytes", sha256.Size)
	}
	out := &hostv1.SignResponse{}
	switch r.GetAlgorithm() {
	case "RS256":
		out.Signature, err = rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, r.GetDigest())
	case "PS256":
		out.Signature, err = rsa.SignPSS(rand.Reader, private, crypto.SHA256, r.GetDigest(), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	default:
		err = problem.New(problem.Unsupported, "the host signs by RS256 and PS256")
	}
	return out, err
}

// oaepHashes are the hashes of RSAES-OAEP, by the names of the protocol.
var oaepHashes = map[string]crypto.Hash{
	"SHA-1": crypto.SHA1, "SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512,
}

// Decrypt decrypts with a key of the call's instance.
func (s keysService) Decrypt(_ context.Context, r *hostv1.DecryptRequest) (*hostv1.DecryptResponse, error) {
	private, err := s.private(r.GetHandle(), r.GetKeyId(), hostsvc.KeyDecrypt)
	if err != nil {
		return nil, err
	}
	o := &rsa.OAEPOptions{Hash: oaepHashes[r.GetHash()], MGFHash: oaepHashes[r.GetMaskHash()], Label: r.GetLabel()}
	if o.Hash == 0 || o.MGFHash == 0 {
		return nil, problem.New(problem.Unsupported, "the host decrypts RSAES-OAEP with SHA-1, SHA-256, SHA-384 and SHA-512")
	}
	plaintext, err := private.Decrypt(nil, r.GetCiphertext(), o)
	if err != nil {
		return nil, problem.New(problem.Invalid, "the ciphertext cannot be decrypted with this key")
	}
	return &hostv1.DecryptResponse{Plaintext: plaintext}, nil
}

// StagePair makes a newer key pair of an instance: from now on it is published
// beside the one that is in use, as the host does before one takes over.
func (h *Harness) StagePair(name string, purpose hostsvc.KeyPurpose) {
	h.t.Helper()
	h.host.mu.Lock()
	defer h.host.mu.Unlock()
	pairs, err := h.host.pairsOf(name, purpose)
	if err != nil {
		h.t.Fatal(err)
	}
	made, err := newPair(name, purpose, false)
	if err != nil {
		h.t.Fatal(err)
	}
	h.host.pairs[pairSlot{name, purpose}] = append(slices.Clone(pairs), made)
}

// UseNewestPair has the newest key pair of an instance take over. With retire the
// older ones are gone, else they are still published, and decrypt.
func (h *Harness) UseNewestPair(name string, purpose hostsvc.KeyPurpose, retire bool) {
	h.t.Helper()
	h.host.mu.Lock()
	defer h.host.mu.Unlock()
	pairs, err := h.host.pairsOf(name, purpose)
	if err != nil {
		h.t.Fatal(err)
	}
	pairs = slices.Clone(pairs)
	newest := len(pairs) - 1
	for i := range pairs {
		pairs[i].Current = i == newest
	}
	if retire {
		pairs = pairs[newest:]
	}
	h.host.pairs[pairSlot{name, purpose}] = pairs
}
