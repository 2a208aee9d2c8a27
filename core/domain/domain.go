// Package domain keeps the e-mail domains of organizations that are proved at
// run time. An organization claims one and is given a challenge, a text to
// publish in the DNS; who does so has proved it. Several may claim one domain, so
// that nobody keeps another from it by being there first: the first to prove it
// has it, and then it is that organization's alone.
//
// A domain that the host's files name is that organization's without a proof,
// and belongs to the files: nobody claims it for another. Files that name a domain
// which another organization has proved are refused, because a name belongs to one
// source and the other may not touch it: an operator removes it here first. Where
// both were done at the same instant, and neither could see the other, what the
// files say counts.
package domain

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/store"
)

// Domain is an e-mail domain that an organization claims, or has proved.
type Domain struct {
	ID           string
	Organization string // label
	Name         string // as Normalize writes it
	Challenge    string // the text that a TXT record at ChallengeName has to have
	AddedAt      time.Time
	ProvedAt     time.Time // zero: not yet
	ProvedBy     string    // ByDNS, or who has vouched for it, as in the audit log
	CheckedAt    time.Time // when it was looked for last; zero is never
	Failure      string    // why it was not found then
}

// ByDNS is who has proved a domain whose challenge was found.
const ByDNS = "dns"

// Limits of claims.
const (
	ClaimLife       = 14 * 24 * time.Hour // of a claim that is not proved
	PerOrganization = 100                 // domains, claimed and proved
)

// State is what became of a claim.
type State string

// The states.
const (
	Pending State = "pending" // it waits for its proof
	Expired State = "expired" // it has waited for too long
	Proved  State = "proved"
)

// State is that of the domain at a time.
func (d Domain) State(now time.Time) State {
	switch {
	case !d.ProvedAt.IsZero():
		return Proved
	case !now.Before(d.ExpiresAt()):
		return Expired
	}
	return Pending
}

// ExpiresAt is when the claim ends if it is not proved.
func (d Domain) ExpiresAt() time.Time { return d.AddedAt.Add(ClaimLife) }

// By is who does something with domains.
type By struct {
	Actor   string // as in the audit log: "local", "admin_token:T123"
	TraceID string
	Within  string // the organization that they are confined to; "" is none
}

// Options are what Domains are made from.
type Options struct {
	Store    *store.Store
	Feed     *change.Feed
	Audit    *audit.Log
	Resolver Resolver
	Filed    func(name string) string // the organization whose domain it is by the files in force; "" is none
	Clock    func() time.Time
	Random   io.Reader // crypto/rand.Reader outside of tests
}

// Domains claims, proves and removes domains. Its methods may be called by many
// goroutines.
type Domains struct {
	Options
	lookups lookups
	kept    atomic.Pointer[kept]
	reading sync.Mutex // of what is kept
}

// New returns the domains of a store.
func New(o Options) *Domains {
	return &Domains{Options: o, lookups: lookups{under: map[string]int{}}}
}
