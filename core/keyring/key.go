package keyring

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Purpose is what a key is for. A key serves one purpose only.
type Purpose string

// The closed list of purposes.
const (
	Assertion         Purpose = "assertion"          // signs the assertions that applications verify
	AdminToken        Purpose = "admin_token"        // keyed hashes of admin tokens
	ProvisioningToken Purpose = "provisioning_token" // keyed hashes of provisioning tokens
	Decision          Purpose = "decision"           // encrypts the ids of decisions
	PluginState       Purpose = "plugin_state"       // encrypts what instances of plugins keep
	SignOn            Purpose = "sign_on"            // encrypts what is kept of sign-ons and sessions
	Instance          Purpose = "instance"           // handed to one instance of a plugin

	// Of key pairs of instances, which RotatePairs replaces.
	SigningPair    Purpose = "signing_pair"
	DecryptionPair Purpose = "decryption_pair"
)

// Algorithms, as the table names them.
const (
	algEd25519 = "Ed25519"
	algHMAC    = "HMAC-SHA-256"
	algAEAD    = "XChaCha20-Poly1305"
	algPlain   = "plain-256" // 32 bytes that the plugin uses as it likes
)

func (p Purpose) algorithm() string {
	switch p {
	case Assertion:
		return algEd25519
	case AdminToken, ProvisioningToken:
		return algHMAC
	case Decision, PluginState, SignOn:
		return algAEAD
	case Instance:
		return algPlain
	case SigningPair, DecryptionPair: // see pair.go
	}
	return ""
}

// States of a key. A next key is published before it is used, a retired one is
// still accepted: for a signing key until retires_at, for others as long as
// something names it.
const (
	stateNext    = "next"
	stateActive  = "active"
	stateRetired = "retired"
)

// key is a row of the keyring, opened.
type key struct {
	id        string
	purpose   Purpose
	instance  string // of the plugin, "" for the host's own keys
	state     string
	algorithm string
	createdAt int64 // microseconds, like all times in the table
	activates sql.NullInt64
	retires   sql.NullInt64
	since     time.Time // when this process had it in this state first
	secret    Material
	aead      tink.AEAD // of algAEAD keys
	signer    *signer   // of algEd25519 keys
}

// slot is what one set of keys is for.
type slot struct {
	purpose  Purpose
	instance string
}

func newKey(random io.Reader, s slot, state string, now, activates time.Time) (key, error) {
	id, err := secret.NewID(random, "k", 21)
	if err != nil {
		return key{}, err
	}
	material, err := randomMaterial(random)
	if err != nil {
		return key{}, err
	}
	k := key{id: id, purpose: s.purpose, instance: s.instance, state: state, algorithm: s.purpose.algorithm(),
		createdAt: now.UnixMicro(), activates: micros(activates), since: now, secret: material}
	return k, k.prepare()
}

// prepare makes from the secret what the algorithm works with.
func (k *key) prepare() (err error) {
	switch k.algorithm {
	case algAEAD:
		k.aead, err = subtle.NewXChaCha20Poly1305(k.secret.Reveal())
	case algEd25519:
		k.signer = newSigner(k.secret)
	}
	return err
}

// public is the row's public column: empty for keys without a public half.
func (k *key) public() []byte {
	if k.signer == nil {
		return nil
	}
	return k.signer.public
}

// binding is the associated data of the row's ciphertext: it opens in this row
// only, and as this kind of key only.
func (k *key) binding() []byte {
	return bind("keyring_key", k.id, string(k.purpose), k.instance, k.algorithm)
}

// bind joins parts so that no two lists give the same bytes.
func bind(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

func (k *key) insert(ctx context.Context, tx *store.Tx, sealer tink.AEAD) error {
	sealed, err := sealer.Encrypt(k.secret.Reveal(), k.binding())
	if err != nil {
		return fmt.Errorf("sealing key %s: %w", k.id, err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO keyring_key
		(id, purpose, instance, state, algorithm, created_at, activates_at, public, sealed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		k.id, string(k.purpose), k.instance, k.state, k.algorithm, k.createdAt, k.activates, k.public(), sealed)
	return err
}

const columns = `SELECT id, purpose, instance, state, algorithm, created_at, activates_at, retires_at, public, sealed FROM keyring_key`

// openAll reads what a query of columns answers, in its order.
func openAll(ctx context.Context, tx *store.Tx, sealer tink.AEAD, query string, args ...any) ([]key, error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var keys []key
	for rows.Next() {
		var (
			k              key
			public, sealed []byte
		)
		if err := rows.Scan(&k.id, &k.purpose, &k.instance, &k.state, &k.algorithm, &k.createdAt, &k.activates, &k.retires, &public, &sealed); err != nil {
			return nil, err
		}
		if err := k.open(sealer, public, sealed); err != nil {
			return nil, problem.Wrap(err, problem.Internal, "key %s of the keyring does not open: its row was altered", k.id).
				WithHint("restore the table keyring_key from a backup")
		}
		keys = append(keys, k)
	}
	return keys, rows.Err()
}

func (k *key) open(sealer tink.AEAD, public, sealed []byte) error {
	plain, err := sealer.Decrypt(sealed, k.binding())
	if err != nil {
		return err
	}
	if k.secret, err = newMaterial(plain); err != nil {
		return err
	}
	if err := k.prepare(); err != nil {
		return err
	}
	if !bytes.Equal(public, k.public()) {
		return errors.New("its public half is another key's")
	}
	return nil
}
