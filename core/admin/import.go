package admin

import (
	"net/http"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/store"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// The limits of an import: all of it is one transaction.
const (
	maxImport = 1000 // keys
	maxHash   = 512  // characters
)

// mistaken is an import with mistakes: nothing was written.
type mistaken struct {
	*problem.Problem // Invalid
	mistakes         []wire.ImportMistake
}

// Unwrap gives the Problem to problem.As.
func (m *mistaken) Unwrap() error { return m.Problem }

// refusedImport is what mistaken is on the wire.
type refusedImport struct {
	problem.Document
	Mistakes []wire.ImportMistake `json:"mistakes,omitempty" doc:"all that is wrong"`
}

func (a *API) importKeys(c *call) (int, any, error) {
	var asked wire.KeyImport
	if err := read(c, &asked); err != nil {
		return 0, nil, err
	}
	if len(asked.Keys) == 0 || len(asked.Keys) > maxImport {
		return 0, nil, problem.New(problem.Invalid, "%d keys are to be imported", len(asked.Keys)).WithHint("send 1 to %d at once", maxImport)
	}
	instance, err := a.instance(asked.Authenticator)
	if err != nil {
		return 0, nil, err
	}
	keys := make([]credential.Foreign, len(asked.Keys))
	wrong := map[int]string{} // what is found here goes before what the store finds
	for i, k := range asked.Keys {
		if keys[i], err = a.foreign(c.actor, k, instance); err != nil {
			p := problem.As(err)
			keys[i] = credential.Foreign{} // nothing of it reaches the store
			wrong[i] = p.Detail
			if p.Hint != "" {
				wrong[i] += ": " + p.Hint
			}
		}
	}
	by := c.by()
	grants := func(tx *store.Tx, i int) error {
		client := keys[i].Client
		granter := grant.By{Actor: by.Actor, TraceID: by.TraceID, Organization: client.Organization}
		return a.Grants.Replace(c.Context(), tx, granter, grant.Client(client.ID), grant.API, "", asked.Keys[i].Roles)
	}
	imported, found, err := a.Records.Import(c.Context(), by, instance, keys, asked.DryRun || len(wrong) > 0, grants)
	if problem.Is(err, problem.Unsupported) {
		err = problem.Wrap(err, problem.Invalid, "authenticator %q takes no keys that another system has hashed", instance).
			WithHint("its block has to let it, with an imported block if it is of kind apikey")
	}
	if err != nil {
		return 0, nil, err
	}
	for _, m := range found {
		if wrong[m.Index] == "" {
			wrong[m.Index] = m.Problem
		}
	}
	if len(wrong) > 0 {
		return 0, nil, mistakes(len(keys), wrong)
	}
	return http.StatusOK, asImported(imported, asked.DryRun), nil
}

// foreign checks one key against the configuration in force.
func (a *API) foreign(by actor, k wire.ForeignKey, instance string) (credential.Foreign, error) {
	f := credential.Foreign{Client: credential.Client{ID: k.Client}, Hash: k.Hash, ByDigest: k.ByDigest, ExpiresAt: k.ExpiresAt}
	if !credential.IsClientID(k.Client) {
		return f, problem.New(problem.Invalid, "%s cannot be a client's id", quoted(k.Client)).
			WithHint("use lower case letters, digits and dashes, a letter first, at most 63 characters")
	}
	if k.Hash == "" || len(k.Hash) > maxHash || strings.ContainsFunc(k.Hash, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return f, problem.New(problem.Invalid, "its hash is not 1 to %d visible ASCII characters", maxHash)
	}
	if err := checkEnd("expires_at", k.ExpiresAt, a.Clock()); err != nil {
		return f, err
	}
	if k.Organization == "" {
		return f, nil
	}
	client, err := a.newClient(by, wire.NewClient{
		ID: k.Client, Organization: k.Organization, Name: k.Name, Authenticator: instance, Roles: k.Roles, Scopes: k.Scopes, Networks: k.Networks, Rate: k.Rate,
	})
	if err != nil {
		return f, err
	}
	f.Client = client
	return f, nil
}

func mistakes(of int, wrong map[int]string) error {
	m := &mistaken{Problem: problem.New(problem.Invalid, "%d of %d keys cannot be imported, so none was", len(wrong), of).WithHint("see mistakes for each")}
	for i := range of {
		if wrong[i] != "" {
			m.mistakes = append(m.mistakes, wire.ImportMistake{Index: i, Problem: wrong[i]})
		}
	}
	return m
}

func asImported(imported []credential.ImportedKey, try bool) wire.ImportedKeys {
	out := wire.ImportedKeys{Keys: make([]wire.ImportedKey, len(imported))}
	for i, one := range imported {
		out.Keys[i] = wire.ImportedKey{
			ID: one.Key.ID, Client: one.Key.ClientID, Scheme: one.Key.Imported, NewClient: one.NewClient, Known: one.Known,
		}
		if try && !one.Known {
			out.Keys[i].ID = ""
		}
	}
	return out
}
