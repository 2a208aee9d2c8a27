package host

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/store"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// keys answers for the admin API.
type keys struct{ h *house }

// Keys implements admin.Keyring.
func (k keys) Keys(ctx context.Context) ([]wire.KeyringKey, error) {
	list, all := []wire.KeyringKey{}, k.h.keyring.Keys()
	err := k.h.store.Read(ctx, func(tx *store.Tx) error {
		list = list[:0]
		for len(all) > 0 {
			n := 1
			for n < len(all) && all[n].Purpose == all[0].Purpose && all[n].Instance == all[0].Instance {
				n++
			}
			counts, err := k.h.naming(ctx, tx, all[:n], k.h.clock())
			if err != nil {
				return err
			}
			for _, one := range all[:n] {
				list = append(list, asKeyringKey(one, counts[one.ID]))
			}
			all = all[n:]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	pairs, err := k.h.keyring.PairInfos(ctx)
	for _, one := range pairs {
		list = append(list, asKeyringKey(one, 0))
	}
	return list, err
}

func asKeyringKey(k keyring.Info, named int) wire.KeyringKey {
	return wire.KeyringKey{
		ID: k.ID, Purpose: string(k.Purpose), Instance: k.Instance, Algorithm: k.Algorithm, State: k.State,
		CreatedAt: k.CreatedAt.UTC(), ActivatesAt: k.ActivatesAt.UTC(), RetiresAt: k.RetiresAt.UTC(), NamedBy: named,
	}
}

// pairPurpose asks for the key pairs of an instance, those of either use.
const pairPurpose = "pair"

// Rotate implements admin.Keyring.
func (k keys) Rotate(ctx context.Context, by credential.By, r wire.KeyringRotation) (made []wire.KeyringKey, err error) {
	in := keyring.By{Actor: by.Actor, TraceID: by.TraceID}
	rotate := func(p keyring.Purpose, instance string) error {
		var one keyring.Info
		var err error
		if p == keyring.Instance {
			one, err = k.h.rotateInstance(ctx, in, instance)
		} else {
			one, err = k.h.keyring.Rotate(ctx, in, p, instance, r.Now)
		}
		if err == nil {
			made = append(made, asKeyringKey(one, 0))
		}
		return err
	}
	if r.Purpose == pairPurpose {
		pairs, err := k.h.keyring.RotatePairs(ctx, in, r.Instance, r.Now)
		for _, one := range pairs {
			made = append(made, asKeyringKey(one, 0))
		}
		return made, err
	}
	if r.Purpose != "all" {
		err := rotate(keyring.Purpose(r.Purpose), r.Instance)
		return made, err
	}
	if r.Instance != "" {
		return nil, problem.New(problem.Invalid, "an instance is named, and the keys of all are asked for").WithHint("leave out one of them")
	}
	// The signing key comes first: it alone can be refused, before anything is made.
	for _, p := range []keyring.Purpose{keyring.Assertion, keyring.AdminToken, keyring.ProvisioningToken, keyring.Decision, keyring.PluginState, keyring.SignOn} {
		if err := rotate(p, ""); err != nil {
			return made, err
		}
	}
	for _, in := range k.h.current.Load().instances {
		if err := rotate(keyring.Instance, in.Name); err != nil {
			return made, err
		}
	}
	return made, nil
}

// rotateInstance makes a new key of an instance and gives it to the plugin,
// with the older ones. What was verified before is then verified again, so that
// its verifier is made anew. A plugin that fails goes on with the keys it has.
func (h *house) rotateInstance(ctx context.Context, by keyring.By, name string) (keyring.Info, error) {
	h.reloading.Lock() // it configures instances too
	defer h.reloading.Unlock()
	in, ok := h.current.Load().named(name)
	if !ok {
		return keyring.Info{}, problem.New(problem.NotFound, "there is no authenticator %q in the configuration in force", name)
	}
	made, err := h.keyring.Rotate(ctx, by, keyring.Instance, name, true)
	if err != nil {
		return keyring.Info{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reloadLimit)
	defer cancel()
	if err := h.configure(ctx, in); err != nil {
		return made, problem.Wrap(err, problem.Unavailable, "key %s is made, but the plugin could not be given it, and goes on with the keys it has", made.ID).
			WithHint("see gatehouse plugins list; once the plugin is ready: gatehouse keyring rotate --purpose instance --instance %s", name)
	}
	return made, h.store.Write(ctx, func(tx *store.Tx) error { return h.feed.Append(ctx, tx, change.Instance(name)) })
}

// RotateRoot puts the root key of a file in the place of the one in use. The
// host must not be running: it holds the store.
func RotateRoot(ctx context.Context, o Options, file string) (err error) {
	var end closers
	defer func() { err = errors.Join(err, end.close()) }()
	source, err := o.source()
	if err != nil {
		return err
	}
	c, report := o.load(source, false)
	if report.HasErrors() {
		return o.refuse(report)
	}
	h := &house{Options: o, boot: c, clock: time.Now, random: rand.Reader}
	from, err := h.rootKey()
	if err != nil {
		return err
	}
	to, err := keyring.LoadRootKey("", file)
	if err != nil {
		return err
	}
	if h.store, err = o.openStore(ctx, c, &end); err != nil {
		return err
	}
	h.feed, h.audit = change.NewFeed(h.store, h.clock), audit.New(h.clock, h.random)
	return keyring.Reseal(ctx, h.store, from, to, keyring.By{Actor: "local"}, h.keyChanged)
}
