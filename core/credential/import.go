package credential

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// importedHint stands for the hint of a secret that nobody here has seen.
const importedHint = "imported"

// Foreign is a key that another system has made, and the client that it is of:
// made if there is none of this id and an organization is said.
type Foreign struct {
	Client    Client // ID, and what a new one is to have
	Hash      string // in the notation of the authenticator's plugin
	ByDigest  bool   // the secret comes without an id
	ExpiresAt time.Time
}

// ImportedKey is what became of a Foreign.
type ImportedKey struct {
	Key       Key
	NewClient bool
	Known     bool // it was imported before, and nothing was changed
}

// Mistake is what is wrong with one of several keys that were to be imported.
type Mistake struct {
	Index   int
	Problem string
}

// FindID finds the id of an instance's live key that was imported under one of
// these digests; "" is none. It asks for each, whichever is found.
func (r *Records) FindID(ctx context.Context, instance string, digests [][]byte) (id string, err error) {
	for _, d := range digests {
		err := r.store.Select(ctx, func(rows *sql.Rows) error { return rows.Scan(&id) },
			`SELECT id FROM client_key WHERE instance = $1 AND lookup = $2 AND state = 'live'`, instance, d)
		if err != nil {
			return "", err
		}
	}
	return id, nil
}

// errNothing rolls a transaction back that is not meant.
var errNothing = errors.New("nothing is to be written")

// Import writes keys that another system has made, all of them or, if there is
// a mistake or it is only a try, none. What was imported before stays as it is.
// What with does for each client that is made joins the transaction.
func (r *Records) Import(ctx context.Context, by By, instance string, keys []Foreign, try bool, with func(*store.Tx, int) error) ([]ImportedKey, []Mistake, error) {
	hashes := make([]string, len(keys))
	for i, k := range keys {
		hashes[i] = k.Hash
	}
	made, err := r.importer.Import(ctx, instance, hashes)
	if err != nil {
		return nil, nil, err
	}
	var imported []ImportedKey
	var mistakes []Mistake
	err = r.store.Write(ctx, func(tx *store.Tx) error {
		imported, mistakes = nil, nil // the transaction may run twice
		for i, k := range keys {
			k.Client.Instance = instance
			one, err := r.importOne(ctx, tx, by, k, made[i], func(tx *store.Tx) error { return with(tx, i) })
			if wrong := (*problem.Problem)(nil); errors.As(err, &wrong) && wrong.Code != problem.Internal {
				mistakes = append(mistakes, Mistake{i, wrong.Detail})
				continue
			}
			if err != nil {
				return err
			}
			imported = append(imported, one)
		}
		if try || len(mistakes) > 0 {
			return errNothing
		}
		return nil
	})
	switch {
	case errors.Is(err, errNothing):
		err = nil
	case errors.Is(err, store.ErrConflict):
		err = problem.Wrap(err, problem.Conflict, "another import has written some of these keys at the same time").WithHint("import them again")
	}
	return imported, mistakes, err
}

func (r *Records) importOne(ctx context.Context, tx *store.Tx, by By, k Foreign, made authn.Imported, with func(*store.Tx) error) (ImportedKey, error) {
	var none ImportedKey
	if made.Problem != "" {
		return none, problem.New(problem.Invalid, "its hash: %s", made.Problem)
	}
	client, isNew, err := r.importClient(ctx, tx, by, k.Client, with)
	if err != nil {
		return none, err
	}
	origin := originOf(client.Instance, client.ID, made.Verifier)
	if key, ok, err := known(ctx, tx, origin); err != nil || ok {
		return ImportedKey{Key: key, Known: true}, err
	}
	var digest []byte
	if k.ByDigest {
		if digest = made.Digest; len(digest) == 0 {
			return none, problem.New(problem.Invalid, "its secret cannot be found without an id: of %s hashes with their salt no digest can be made", made.Scheme)
		}
		if err := free(ctx, tx, client.Instance, digest); err != nil {
			return none, err
		}
	}
	live, err := r.live(ctx, tx, client.ID)
	if err != nil {
		return none, err
	}
	if len(live) >= maxLive {
		return none, tooMany(client.ID)
	}
	id, err := secret.NewID(r.random, "K", 15)
	if err != nil {
		return none, err
	}
	key := Key{ID: id, ClientID: client.ID, Instance: client.Instance, State: Live, Verifier: made.Verifier, Hint: importedHint,
		CreatedAt: r.now(), ExpiresAt: k.ExpiresAt, Imported: made.Scheme, ForeignHash: true}
	if _, err := tx.Exec(ctx, `INSERT INTO client_key (id, client_id, instance, state, verifier, hint, expires_at, created_at, revoked_reason, last_used_from,
		imported, foreign_hash, origin, lookup) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', '', $9, 1, $10, $11)`,
		key.ID, key.ClientID, key.Instance, key.State, key.Verifier, key.Hint, micros(key.ExpiresAt), key.CreatedAt.UnixMicro(),
		key.Imported, origin, digest); err != nil {
		return none, err
	}
	after := map[string]any{"id": key.ID, "client": key.ClientID, "state": key.State, "scheme": key.Imported}
	if !key.ExpiresAt.IsZero() {
		after["expires_at"] = key.ExpiresAt.UTC()
	}
	return ImportedKey{Key: key, NewClient: isNew},
		r.record(ctx, tx, by, audit.KeyImported, client.Organization, key.ID, nil, after, change.Client(client.ID), change.ClientKey(key.ID))
}

// importClient finds the client of a key, or makes it.
func (r *Records) importClient(ctx context.Context, tx *store.Tx, by By, c Client, with func(*store.Tx) error) (Client, bool, error) {
	there, err := r.client(ctx, tx, by.Within, c.ID)
	switch {
	case err == nil && c.Organization != "" && c.Organization != there.Organization:
		return c, false, problem.New(problem.Conflict, "client %q is of another organization", c.ID)
	case err == nil && c.Instance != there.Instance:
		return c, false, problem.New(problem.Conflict, "the keys of client %q are verified by authenticator %q", c.ID, there.Instance)
	case err == nil:
		return there, false, nil
	case !problem.Is(err, problem.NotFound):
		return c, false, err
	case c.Organization == "":
		return c, false, problem.New(problem.NotFound, "there is no client %q, and no organization to make it in", c.ID)
	}
	c.Source, c.State, c.Version, c.Owner = FromAPI, Active, 1, OrganizationOwned
	c.CreatedAt = r.now()
	c.UpdatedAt = c.CreatedAt
	if err := c.check(); err != nil {
		return c, false, err
	}
	if err := r.insert(ctx, tx, by, c); err != nil {
		return c, false, err
	}
	return c, true, with(tx)
}

// originOf is what an imported key is known by: whose it is, and its verifier as
// it was imported.
func originOf(instance, client string, verifier []byte) []byte {
	h := sha256.New()
	h.Write([]byte("gatehouse imported key 1\x00" + instance + "\x00" + client + "\x00"))
	h.Write(verifier)
	return h.Sum(nil)
}

func known(ctx context.Context, tx *store.Tx, origin []byte) (Key, bool, error) {
	var scan keyScan
	err := tx.QueryRow(ctx, `SELECT `+keyColumns+` FROM client_key k WHERE k.origin = $1`, origin).Scan(scan.into()...)
	switch {
	case errors.Is(err, sql.ErrNoRows), errors.Is(err, store.ErrNotFound):
		return Key{}, false, nil
	case err != nil:
		return Key{}, false, err
	}
	return *scan.key(), true, nil
}

// free refuses a digest under which another live key is found.
func free(ctx context.Context, tx *store.Tx, instance string, digest []byte) error {
	var id string
	err := tx.QueryRow(ctx, `SELECT id FROM client_key WHERE instance = $1 AND lookup = $2 AND state = 'live'`, instance, digest).Scan(&id)
	switch {
	case err == nil:
		return problem.New(problem.Conflict, "a key with the same secret is there already, and one secret is one client's")
	case errors.Is(err, sql.ErrNoRows), errors.Is(err, store.ErrNotFound):
		return nil
	}
	return err
}
