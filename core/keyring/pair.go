package keyring

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// PairUse is what a key pair of an instance is for. No pair has two.
type PairUse string

// The uses, as the table names them.
const (
	PairSign    PairUse = "sign"
	PairDecrypt PairUse = "decrypt"
)

// Pair is the public half of a key pair that the host holds for an instance of a
// plugin: RSA of 3072 bits (SAML and OpenID Connect have no other that all
// identity providers take).
type Pair struct {
	ID          string
	Instance    string
	Use         PairUse
	State       string            // next, active or retired
	Certificate *x509.Certificate // that the key has signed for itself
	Activates   time.Time
	Retires     time.Time // zero: it has no end yet

	private func() (*rsa.PrivateKey, error)
}

// Format keeps the private half from being printed with the structure.
func (p Pair) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "key pair "+p.ID) }

const pairBits = 3072

// pairLife is how long the certificate of a pair is good. Identity providers pin
// it and most ignore its end; a pair is replaced by command, long before.
const pairLife = 10 * 365 * 24 * time.Hour

// backdated is how far clocks of identity providers may be behind.
const backdated = time.Hour

// Pairs returns the key pairs of an instance for a use, the newest last. The first
// call makes one; it is the same after a restart, and on every node.
func (k *Keyring) Pairs(ctx context.Context, instance string, use PairUse) ([]Pair, error) {
	pairs, err := k.readPairs(ctx, instance, use)
	if err != nil || len(pairs) > 0 {
		return pairs, err
	}
	made, err := newPair(k.random, instance, use, k.now())
	if err != nil {
		return nil, err
	}
	// Of two nodes that make one, the first is right: the other's is forgotten.
	err = k.store.Write(ctx, func(tx *store.Tx) error {
		var there int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM keyring_pair WHERE instance = $1 AND purpose = $2`, instance, string(use)).Scan(&there); err != nil || there > 0 {
			return err
		}
		if err := k.insertPair(ctx, tx, made); err != nil {
			return err
		}
		return k.told(ctx, tx, Change{What: Created, Key: made.info()})
	})
	if err != nil {
		return nil, fmt.Errorf("making a key pair of instance %s: %w", instance, err)
	}
	return k.readPairs(ctx, instance, use)
}

// newPair makes a pair that is used at once. The name in its certificate says
// whose it is; nobody's trust comes from it.
func newPair(random io.Reader, instance string, use PairUse, now time.Time) (Pair, error) {
	id, err := secret.NewID(random, "kp", 20)
	if err != nil {
		return Pair{}, err
	}
	private, err := rsa.GenerateKey(rand.Reader, pairBits) // Go takes the system's randomness, whatever it is handed
	if err != nil {
		return Pair{}, fmt.Errorf("making a key: %w", err)
	}
	usage := x509.KeyUsageDigitalSignature
	if use == PairDecrypt {
		usage = x509.KeyUsageKeyEncipherment
	}
	serial := make([]byte, 16)
	if _, err := io.ReadFull(random, serial); err != nil {
		return Pair{}, fmt.Errorf("reading randomness: %w", err)
	}
	serial[0] &= 0x7f // positive (RFC 5280 §4.1.2.2)
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: "Gatehouse " + instance},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(pairLife), KeyUsage: usage, SignatureAlgorithm: x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificate(random, template, template, private.Public(), private)
	if err != nil {
		return Pair{}, fmt.Errorf("making a certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return Pair{}, fmt.Errorf("reading our own certificate: %w", err)
	}
	return Pair{
		ID: id, Instance: instance, Use: use, State: stateActive, Certificate: certificate, Activates: now,
		private: func() (*rsa.PrivateKey, error) { return private, nil },
	}, nil
}

// binding is the associated data of the row's ciphertext: it opens in this row
// only, beside this certificate.
func (p Pair) binding() []byte {
	return bind("keyring_pair", p.ID, string(p.Use), p.Instance, string(p.Certificate.Raw))
}

func (k *Keyring) insertPair(ctx context.Context, tx *store.Tx, p Pair) error {
	sealed, err := p.seal(k.sealer)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO keyring_pair (id, instance, purpose, state, certificate, sealed, created_at, activates_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		p.ID, p.Instance, string(p.Use), p.State, p.Certificate.Raw, sealed, k.now().UnixMicro(), p.Activates.UnixMicro())
	return err
}

const pairColumns = `SELECT id, instance, purpose, state, certificate, sealed, activates_at, retires_at FROM keyring_pair `

func (k *Keyring) readPairs(ctx context.Context, instance string, use PairUse) (pairs []Pair, err error) {
	err = k.store.Read(ctx, func(tx *store.Tx) (err error) {
		pairs, err = openPairs(ctx, tx, k.sealer, pairColumns+`WHERE instance = $1 AND purpose = $2 AND (retires_at IS NULL OR retires_at > $3) ORDER BY created_at, id`,
			instance, string(use), k.now().UnixMicro())
		return err
	})
	return pairs, err
}

// openPairs reads what a query of pairColumns answers.
func openPairs(ctx context.Context, tx *store.Tx, sealer tink.AEAD, query string, args ...any) (pairs []Pair, err error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var p Pair
		var certificate, sealed []byte
		var activates int64
		var retires sql.NullInt64
		if err := rows.Scan(&p.ID, &p.Instance, &p.Use, &p.State, &certificate, &sealed, &activates, &retires); err != nil {
			return nil, err
		}
		if err := p.open(sealer, certificate, sealed); err != nil {
			return nil, problem.Wrap(err, problem.Internal, "key pair %s of instance %q does not open: its row was altered", p.ID, p.Instance).
				WithHint("restore the table keyring_pair from a backup")
		}
		if p.Activates = time.UnixMicro(activates); retires.Valid {
			p.Retires = time.UnixMicro(retires.Int64)
		}
		pairs = append(pairs, p)
	}
	return pairs, rows.Err()
}

func (p *Pair) open(sealer tink.AEAD, certificate, sealed []byte) (err error) {
	if p.Certificate, err = x509.ParseCertificate(certificate); err != nil {
		return err
	}
	plain, err := sealer.Decrypt(sealed, p.binding())
	if err != nil {
		return err
	}
	// Parsing proves that the primes fit, which takes a while: it is left for the
	// first use.
	p.private = sync.OnceValues(func() (*rsa.PrivateKey, error) {
		parsed, err := x509.ParsePKCS8PrivateKey(plain)
		if err != nil {
			return nil, err
		}
		private, ok := parsed.(*rsa.PrivateKey)
		if !ok {
			return nil, errors.New("it is no RSA key")
		}
		return private, nil
	})
	return nil
}

func (p Pair) seal(sealer tink.AEAD) ([]byte, error) {
	private, err := p.private()
	if err != nil {
		return nil, err
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encoding key %s: %w", p.ID, err)
	}
	sealed, err := sealer.Encrypt(plain, p.binding())
	if err != nil {
		return nil, fmt.Errorf("sealing key %s: %w", p.ID, err)
	}
	return sealed, nil
}

// resealPairs seals all pairs under another root key.
func resealPairs(ctx context.Context, tx *store.Tx, before, after tink.AEAD) error {
	pairs, err := openPairs(ctx, tx, before, pairColumns)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		sealed, err := p.seal(after)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE keyring_pair SET sealed = $1 WHERE id = $2`, sealed, p.ID); err != nil {
			return err
		}
	}
	return nil
}

func (p Pair) info() Info {
	i := Info{ID: p.ID, Purpose: SigningPair, Instance: p.Instance, Algorithm: "RSA-3072", State: p.State, CreatedAt: p.Certificate.NotBefore.Add(backdated), RetiresAt: p.Retires}
	if p.Use == PairDecrypt {
		i.Purpose = DecryptionPair
	}
	if p.State != stateNext {
		i.ActivatesAt = p.Activates
	}
	return i
}
