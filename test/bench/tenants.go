//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-id/gatehouse/core/directory"
)

const (
	tenants     = 100
	tenantRate  = 25 // requests a second: Entra's requirement of gallery applications
	tenantUsers = 100
	idleTenants = 1000
)

// tenants measures many connections at once, under load and at rest.
func (b *bench) tenants(ctx context.Context) error {
	prepare := func(context.Context, string) error { return nil }
	for i := range tenants {
		scope := directory.Scope{Organization: fmt.Sprint("bench-", i), Connection: fmt.Sprint("people-", i)}
		prepare = both(prepare, populate(scope, fmt.Sprint("group-", i), i*tenantUsers, tenantUsers))
	}
	g, err := startGatehouse(ctx, b.binary, setting{Upstream: "http://127.0.0.1:1", Connections: tenants, prepare: prepare})
	if err != nil {
		return err
	}
	defer g.stop()
	idps := make([]idp, tenants)
	for i := range idps {
		if idps[i], err = g.newIDP(ctx, fmt.Sprint("people-", i)); err != nil {
			return err
		}
	}
	for round := range b.rounds {
		fmt.Fprintf(os.Stderr, "%d tenants, round %d of %d\n", tenants, round+1, b.rounds)
		before, err := g.cpu()
		if err != nil {
			return err
		}
		took, refused, err := pace(ctx, idps, round, b.length)
		if err != nil {
			return err
		}
		after, err := g.cpu()
		if err != nil {
			return err
		}
		o := outcome{took: took}
		b.provisioning.entra.add(millis(o.percentile(0.99)), 0)
		b.provisioning.refused.add(100*float64(refused)/float64(len(took)), 0)
		b.provisioning.entraCPU.add(micros(after-before)/float64(len(took)), 0)
	}
	g.stop()
	return b.idleTenants(ctx)
}

// pace has all tenants send at their rate, whatever the answers take, and returns
// how long each took from when it was due, sorted, and how many were told to come
// again later.
func pace(ctx context.Context, idps []idp, round int, length time.Duration) (all []time.Duration, refused int64, err error) {
	each := int(length.Seconds() * tenantRate)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4 * tenants}, Timeout: answerLimit}
	defer client.CloseIdleConnections()
	took, errs := make([][]time.Duration, len(idps)), make([]error, len(idps))
	var group sync.WaitGroup
	var later atomic.Int64
	start := time.Now()
	for t := range idps {
		took[t] = make([]time.Duration, each)
		due := start.Add(time.Second / tenantRate * time.Duration(t) / tenants) // not all at one moment
		for i := range each {
			group.Go(func() {
				at := due.Add(time.Second / tenantRate * time.Duration(i))
				time.Sleep(time.Until(at))
				err := idps[t].turn(ctx, client, t, round*each+i)
				if errors.Is(err, errLater) {
					later.Add(1)
				} else if err != nil {
					errs[t] = err
				}
				took[t][i] = time.Since(at)
			})
		}
	}
	group.Wait()
	all = slices.Concat(took...)
	slices.Sort(all)
	return all, later.Load(), errors.Join(errs...)
}

// errLater is a 429.
var errLater = errors.New("the host has too much to do")

// turn is what Entra does of a cycle with one user: it looks whether the user is
// there, creates or changes them, and puts them in a group.
func (p idp) turn(ctx context.Context, client *http.Client, tenant, i int) error {
	user := tenant*tenantUsers + i/5%tenantUsers
	switch i % 5 {
	case 0, 1:
		return p.send(ctx, client, http.MethodGet, "/Users?filter=userName+eq+%22"+userName("first", user)+"%22", "")
	case 2:
		return p.send(ctx, client, http.MethodPost, "/Users", newUser("later", i))
	case 3:
		return p.send(ctx, client, http.MethodPatch, "/Users/"+userID(user), patch(fmt.Sprintf(`{"op":"Replace","path":"title","value":"Lead %d"}`, i)))
	}
	op := []string{"Remove", "Add"}[i/5/tenantUsers%2]
	return p.send(ctx, client, http.MethodPatch, fmt.Sprintf("/Groups/group-%d", tenant),
		patch(`{"op":"`+op+`","path":"members","value":[{"value":"`+userID(user)+`"}]}`))
}

func (p idp) send(ctx context.Context, client *http.Client, method, target, body string) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+p.addr+"/scim/v2"+target, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", "application/scim+json")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode == http.StatusTooManyRequests {
		return errLater
	}
	if err == nil && resp.StatusCode > 299 {
		err = fmt.Errorf("%s %s: %s: %s", method, target, resp.Status, text)
	}
	return err
}

// idleTenants weighs a host with one connection and one with many, at rest.
func (b *bench) idleTenants(ctx context.Context) error {
	weigh := func(connections int) (float64, error) {
		g, err := startGatehouse(ctx, b.binary, setting{Upstream: "http://127.0.0.1:1", Connections: connections})
		if err != nil {
			return 0, err
		}
		defer g.stop()
		time.Sleep(5 * time.Second) // what the start leaves behind
		return g.share()
	}
	one, err := weigh(1)
	if err != nil {
		return err
	}
	all, err := weigh(idleTenants)
	if err != nil {
		return err
	}
	b.provisioning.idle.add((all-one)*1024/(idleTenants-1), 0)
	return nil
}
