package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/server"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	plugininstance "github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// verifier lets access ask plugins by the instance's name.
type verifier struct{ plugins *pluginhost.Host }

func (v verifier) Verify(ctx context.Context, instance, organization string, r authn.VerifyRequest) (authn.VerifyResponse, error) {
	return v.plugins.Programs(instance).Verify(ctx, organization, r)
}

func (v verifier) Locate(ctx context.Context, instance string, presented secret.Text) ([][]byte, error) {
	return v.plugins.Programs(instance).Locate(ctx, presented)
}

// issuer lets credential ask plugins for secrets and verifiers. It holds the house, because
// the records are there before the plugins are.
type issuer struct{ h *house }

func (i issuer) Issue(ctx context.Context, instance, organization string, r authn.IssueRequest) (authn.IssueResponse, error) {
	return i.h.plugins.Programs(instance).Issue(ctx, organization, r)
}

func (i issuer) Import(ctx context.Context, instance string, hashes []string) ([]authn.Imported, error) {
	return i.h.plugins.Programs(instance).Import(ctx, "", hashes)
}

// auditSink records what plugins report.
type auditSink struct{ h *house }

func (s auditSink) Record(ctx context.Context, e pluginhost.AuditEvent) error {
	return s.h.store.Write(ctx, func(tx *store.Tx) error {
		return s.h.audit.Append(ctx, tx, audit.Record{
			Action: audit.PluginReported, Actor: "plugin:" + e.Plugin, Organization: e.Organization, Subject: e.Instance, TraceID: e.TraceID,
			After: map[string]any{"event": e.Event, "attributes": e.Attributes},
		})
	})
}

// configure is the call that gives an instance to its plugin.
func (in instance) configure(validateOnly bool, keys []plugininstance.Key) pluginhost.Configure {
	return pluginhost.Configure{
		Plugin: in.plugin, Kind: in.kind.Name, Instance: in.Name, Values: in.values, Unknown: in.unknown, Keys: keys, Provider: in.provider(),
		ValidateOnly: validateOnly, Dedicated: in.Isolation == config.Dedicated,
	}
}

// known answers the admin API's questions about the configuration in force.
type known struct{ h *house }

func (k known) Organizations() []string {
	var list []string
	for _, o := range k.h.current.Load().config.Organizations {
		list = append(list, o.Label)
	}
	return list
}

func (k known) Roles() []string {
	var list []string
	for _, r := range k.h.current.Load().config.Roles {
		list = append(list, r.Name)
	}
	return list
}

func (k known) Permissions(role string) []string {
	for _, r := range k.h.current.Load().config.Roles {
		if r.Name == role {
			return r.Permissions
		}
	}
	return nil
}

func (k known) Outranked(roles []string) map[string]string {
	return k.h.current.Load().policy.Outranked(roles)
}

func (k known) MappedRoles(ctx context.Context, c credential.Client) ([]string, error) {
	set, err := k.h.current.Load().policy.RoleSet(ctx, policy.Principal{
		Kind: policy.KindClient, ID: c.ID, Organization: c.Organization, Owner: credential.OwnerOf(c.Owner), Scopes: c.Scopes,
	})
	var names []string
	for _, g := range slices.Concat(set.Roles, set.Outranked) {
		names = append(names, g.Role)
	}
	return names, err
}

func (k known) Instances() []string { return k.withRecords(authn.RecordsHost) }

func (k known) SelfContained() []string { return k.withRecords(authn.RecordsNone) }

func (k known) withRecords(mode authn.RecordsMode) []string {
	var list []string
	for _, in := range k.h.current.Load().instances {
		if in.kind.Records == mode {
			list = append(list, in.Name)
		}
	}
	return list
}

// storeCheck keeps for a moment whether the store works: finding out commits a
// row, and whoever can reach /readyz can ask.
type storeCheck struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

const (
	storeCheckAge   = 500 * time.Millisecond
	storeCheckLimit = 3 * time.Second
)

func (c *storeCheck) look(ctx context.Context, s *store.Store, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.at) >= storeCheckAge {
		// Others are told what is found, so it does not end with this request.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeCheckLimit)
		defer cancel()
		c.at, c.err = now, s.Check(ctx)
	}
	return c.err
}

// ready lists what has to hold before requests can be decided.
func (h *house) ready(ctx context.Context) []server.Condition {
	var list []server.Condition
	add := func(name string, err error) {
		c := server.Condition{Name: name, OK: err == nil}
		if err != nil {
			c.Detail = err.Error()
		}
		list = append(list, c)
	}
	add("store", h.checked.look(ctx, h.store, h.clock()))
	list = append(list, h.configuration())
	for _, p := range h.plugins.Status() {
		add("plugin "+p.Plugin, notReady(p))
		for _, in := range p.Instances {
			if in.Error != "" {
				add(h.blockOf(in.Name)+" "+in.Name, errors.New(in.Error))
			}
		}
	}
	slices.SortFunc(list, func(a, b server.Condition) int { return compare(a.Name, b.Name) })
	return list
}

// blockOf is the word that the block of an instance begins with.
func (h *house) blockOf(name string) string {
	if now := h.current.Load(); now != nil {
		if in, ok := now.named(name); ok {
			return in.block
		}
	}
	return "instance"
}

func notReady(p pluginhost.Status) error {
	switch {
	case p.State == pluginhost.Ready:
		return nil
	case p.LastError != "":
		return fmt.Errorf("%s: %s", p.State, p.LastError)
	}
	return fmt.Errorf("%s", p.State)
}

// each runs f for all at once and returns the first error.
func each[T any](list []T, f func(T) error) error {
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, one := range list {
		wg.Go(func() { errs[i] = f(one) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
