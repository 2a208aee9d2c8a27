package domain_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/domain"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestADomainIsProved(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		one := w.add(t, confined("acme"), "acme", "ACME.example.")
		if one.Name != "acme.example" || one.State(start) != domain.Pending || !strings.HasPrefix(one.Challenge, "gatehouse-domain-verification=") || len(one.Challenge) != 56 {
			t.Errorf("claimed: %+v", one)
		}
		if diff := cmp.Diff(one, w.add(t, confined("acme"), "acme", "acme.example")); diff != "" {
			t.Errorf("claimed again (-want +got):\n%s", diff)
		}
		if got := w.owner(t, "acme.example"); got != "" {
			t.Errorf("a claim gives it to %q", got)
		}
		var asked string
		w.answer(func(_ context.Context, name string) ([]string, error) {
			asked = name
			return []string{"v=spf1 -all", one.Challenge}, nil
		})
		w.at(start.Add(time.Hour))
		proved, err := w.Verify(t.Context(), confined("acme"), one.ID, false)
		if err != nil || asked != "_gatehouse-challenge.acme.example." {
			t.Fatalf("%v, after the DNS was asked for %q", err, asked)
		}
		want := one
		want.ProvedAt, want.ProvedBy, want.CheckedAt = start.Add(time.Hour), domain.ByDNS, start.Add(time.Hour)
		list, err := w.List(t.Context(), domain.Query{Organization: "acme", Limit: 10})
		if diff := cmp.Diff([]domain.Domain{want}, list); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if diff := cmp.Diff(want, proved); diff != "" {
			t.Errorf("answered (-want +got):\n%s", diff)
		}
		if got := w.owner(t, "acme.example"); got != "acme" {
			t.Errorf("it is of %q", got)
		}
		w.answer(func(context.Context, string) ([]string, error) { return nil, errors.New("nobody is to be asked") })
		if again, err := w.Verify(t.Context(), operator, one.ID, false); err != nil || again.ProvedBy != domain.ByDNS {
			t.Errorf("once more: %+v, %v", again, err)
		}
		if _, err := w.Remove(t.Context(), confined("acme"), one.ID); err != nil {
			t.Fatal(err)
		}
		if got := w.owner(t, "acme.example"); got != "" {
			t.Errorf("after its removal it is of %q", got)
		}
		if diff := cmp.Diff([]string{"domain.added admin_token:T-acme acme", "domain.proved admin_token:T-acme acme", "domain.removed admin_token:T-acme acme"}, w.audited(t)); diff != "" {
			t.Errorf("audited (-want +got):\n%s", diff)
		}
	})
}

// audited is what the audit log says, in order.
func (w *world) audited(t *testing.T) (list []string) {
	t.Helper()
	err := w.store.Read(t.Context(), func(tx *store.Tx) error {
		entries, err := w.audit.List(t.Context(), tx, audit.Query{})
		for _, e := range slices.Backward(entries) {
			list = append(list, strings.Join([]string{string(e.Action), e.Payload.Actor, e.Payload.Organization}, " "))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAnOperatorVouches(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		one := w.add(t, confined("acme"), "acme", "acme.example")
		_, err := w.Verify(t.Context(), confined("acme"), one.ID, true)
		refused(t, err, problem.Forbidden, `confined to the organization "acme"`)
		if got := w.owner(t, "acme.example"); got != "" {
			t.Errorf("its own word gives it to %q", got)
		}
		proved, err := w.Verify(t.Context(), operator, one.ID, true)
		if err != nil || proved.ProvedBy != "local" || !proved.CheckedAt.IsZero() || w.owner(t, "acme.example") != "acme" {
			t.Errorf("%+v, %v", proved, err)
		}
		if diff := cmp.Diff([]string{"domain.added admin_token:T-acme acme", "domain.proved local acme"}, w.audited(t)); diff != "" {
			t.Errorf("audited (-want +got):\n%s", diff)
		}
	})
}

// Two organizations may wait for one domain. Who proves it first has it, and the
// other hears that it is taken, and not by whom.
func TestNobodyKeepsAnotherFromADomain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		squatter := w.add(t, confined("globex"), "globex", "acme.example")
		one := w.add(t, confined("acme"), "acme", "acme.example")
		if squatter.Challenge == one.Challenge {
			t.Fatal("both have one challenge")
		}
		w.publish(one.Challenge)
		_, err := w.Verify(t.Context(), confined("globex"), squatter.ID, false)
		refused(t, err, problem.Conflict, "does not have the challenge", one.Challenge)
		if _, err := w.Verify(t.Context(), confined("acme"), one.ID, false); err != nil {
			t.Fatal(err)
		}
		w.publish(one.Challenge, squatter.Challenge)
		for name, err := range map[string]error{
			"proving it":         second(w.Verify(t.Context(), confined("globex"), squatter.ID, false)),
			"vouching for it":    second(w.Verify(t.Context(), operator, squatter.ID, true)),
			"claiming it again":  second(w.Add(t.Context(), confined("globex"), "globex", "acme.example")),
			"claiming it anew":   second(w.Add(t.Context(), confined("initech"), "initech", "acme.example")),
			"claiming it by a .": second(w.Add(t.Context(), confined("initech"), "initech", "ACME.EXAMPLE.")),
		} {
			refused(t, err, problem.Conflict, "the domain acme.example is taken")
			if strings.Contains(err.Error()+problem.As(err).Hint, `"acme"`) {
				t.Errorf("%s tells whose it is: %v", name, err)
			}
		}
		if got := w.owner(t, "acme.example"); got != "acme" {
			t.Errorf("it is of %q", got)
		}
		if _, err := w.Remove(t.Context(), operator, one.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Verify(t.Context(), confined("globex"), squatter.ID, false); err != nil || w.owner(t, "acme.example") != "globex" {
			t.Errorf("once it is free: %v, and it is of %q", err, w.owner(t, "acme.example"))
		}
	})
}

func second(_ domain.Domain, err error) error { return err }

// Many prove one domain at the same instant, each with its own challenge published.
func TestOneOfManyHasIt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		const many = 8
		var claims []domain.Domain
		var challenges []string
		for i := range many {
			one := w.add(t, operator, fmt.Sprintf("org-%d", i), "acme.example")
			claims, challenges = append(claims, one), append(challenges, one.Challenge)
		}
		var all sync.WaitGroup // nobody is answered before all have been asked for
		all.Add(many)
		w.answer(func(context.Context, string) ([]string, error) {
			all.Done()
			all.Wait()
			return challenges, nil
		})
		errs := make([]error, many)
		var wg sync.WaitGroup
		for i, one := range claims {
			wg.Go(func() { _, errs[i] = w.Verify(t.Context(), confined(one.Organization), one.ID, false) })
		}
		wg.Wait()
		winner := ""
		for i, err := range errs {
			switch {
			case err == nil && winner == "":
				winner = claims[i].Organization
			case err == nil:
				t.Errorf("both %s and %s have proved it", winner, claims[i].Organization)
			default:
				refused(t, err, problem.Conflict, "is taken")
			}
		}
		if got := w.owner(t, "acme.example"); winner == "" || got != winner {
			t.Errorf("%q has proved it, and it is of %q", winner, got)
		}
	})
}

func TestWhatTheFilesSayCounts(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		late := w.add(t, confined("globex"), "globex", "acme.example")
		w.file(map[string]string{"acme.example": "acme"})
		if got := w.owner(t, "acme.example"); got != "acme" {
			t.Errorf("it is of %q", got)
		}
		refused(t, second(w.Add(t.Context(), confined("acme"), "acme", "acme.example")), problem.Conflict, "nothing to do")
		refused(t, second(w.Add(t.Context(), confined("globex"), "globex", "acme.example")), problem.Conflict, "is taken")
		w.publish(late.Challenge)
		refused(t, second(w.Verify(t.Context(), confined("globex"), late.ID, false)), problem.Conflict, "is taken")
		refused(t, second(w.Verify(t.Context(), operator, late.ID, true)), problem.Conflict, "is taken")

		proved := w.prove(t, "globex", "globex.example")
		declare := func(filed map[string]string) error {
			return s.Write(t.Context(), func(tx *store.Tx) error { return domain.Declare(t.Context(), tx, filed) })
		}
		if err := declare(map[string]string{"globex.example": "globex", "acme.example": "acme"}); err != nil {
			t.Errorf("files with its own: %v", err)
		}
		err := declare(map[string]string{"globex.example": "acme"})
		refused(t, err, problem.Conflict, `"globex.example" of organization "acme" was proved at run time by organization "globex"`, "gatehouse domain remove globex.example --organization globex")
		// Where a file has it all the same, it counts.
		w.file(map[string]string{"globex.example": "acme"})
		if got := w.owner(t, "globex.example"); got != "acme" {
			t.Errorf("it is of %q", got)
		}
		if _, err := w.Remove(t.Context(), operator, proved.ID); err != nil {
			t.Fatal(err)
		}
		if err := declare(map[string]string{"globex.example": "acme"}); err != nil {
			t.Errorf("after its removal: %v", err)
		}
	})
}

func TestAClaimEnds(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		one := w.add(t, operator, "acme", "acme.example")
		kept := w.prove(t, "acme", "acme.test")
		w.publish(one.Challenge)
		end := start.Add(domain.ClaimLife)
		w.at(end)
		if one.State(end.Add(-1)) != domain.Pending || one.State(end) != domain.Expired || kept.State(end) != domain.Proved {
			t.Error("the states at the end of the claim are wrong")
		}
		refused(t, second(w.Verify(t.Context(), operator, one.ID, false)), problem.Conflict, "has ended at 2026-12-09T12:00:00Z", "gatehouse domain add acme.example --organization acme")
		refused(t, second(w.Verify(t.Context(), operator, one.ID, true)), problem.Conflict, "has ended")
		anew := w.add(t, operator, "acme", "acme.example")
		if anew.Challenge == one.Challenge || !anew.AddedAt.Equal(end) {
			t.Errorf("claimed anew: %+v, before %+v", anew, one)
		}
		refused(t, second(w.Verify(t.Context(), operator, one.ID, false)), problem.NotFound)
		if got := w.owner(t, "acme.test"); got != "acme" {
			t.Errorf("what was proved before is of %q", got)
		}
	})
}

func TestDomainsAreLimited(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite(t))
	w := newWorld(t, s)
	for i := range domain.PerOrganization {
		w.add(t, operator, "acme", fmt.Sprintf("a%d.example", i))
	}
	refused(t, second(w.Add(t.Context(), confined("acme"), "acme", "more.example")), problem.Conflict, "has 100 domains")
	w.add(t, confined("acme"), "acme", "a7.example")
	w.add(t, confined("globex"), "globex", "more.example")
	w.at(start.Add(domain.ClaimLife))
	w.add(t, confined("acme"), "acme", "more.example")
}

// Whoever is confined to one organization does not find what is of another.
func TestOrganizationsDoNotMeet(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		one := w.add(t, operator, "acme", "acme.example")
		w.publish(one.Challenge)
		by := confined("globex")
		refused(t, second(w.Add(t.Context(), by, "acme", "acme.test")), problem.Forbidden, `organization "globex"`)
		for name, err := range map[string]error{
			"verify": second(w.Verify(t.Context(), by, one.ID, false)), "remove": second(w.Remove(t.Context(), by, one.ID)),
		} {
			nothing := second(w.Remove(t.Context(), by, "Dnothing"))
			if got, want := strings.ReplaceAll(err.Error(), one.ID, "ID"), strings.ReplaceAll(nothing.Error(), "Dnothing", "ID"); got != want {
				t.Errorf("%s: %s, and of what is not there: %s", name, got, want)
			}
		}
		if _, err := w.List(t.Context(), domain.Query{Organization: "globex", After: one.ID, Limit: 1}); !problem.Is(err, problem.Invalid) {
			t.Errorf("a page that begins at another's: %v", err)
		}
	})
}

func TestPages(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		for _, one := range []string{"globex b.example", "acme c.example", "acme a.example", "acme b.example"} {
			organization, name, _ := strings.Cut(one, " ")
			w.add(t, operator, organization, name)
		}
		var got []string
		for after := ""; ; {
			page, err := w.List(t.Context(), domain.Query{After: after, Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			got, after = append(got, page[0].Organization+" "+page[0].Name), page[0].ID
		}
		if diff := cmp.Diff([]string{"acme a.example", "acme b.example", "globex b.example", "acme c.example"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if list, err := w.List(t.Context(), domain.Query{Name: "B.EXAMPLE.", Limit: 10}); err != nil || len(list) != 2 {
			t.Errorf("of one name: %+v, %v", list, err)
		}
	})
}

// Whatever is done in whatever order, a domain is that of the last to prove it when
// nobody had it, and what is remembered agrees with the store.
func TestOwnersAgreeWithAModel(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite(t))
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, s)
		if list, err := w.List(t.Context(), domain.Query{Limit: 10}); err == nil { // of the run before
			for _, one := range list {
				if _, err := w.Remove(t.Context(), operator, one.ID); err != nil {
					rt.Fatal(err)
				}
			}
		}
		known := w.With(nil)
		ids, proved := map[string]string{}, map[string]string{} // by "organization name"; by name
		name := rapid.SampledFrom([]string{"a.example", "b.example"})
		organization := rapid.SampledFrom([]string{"acme", "globex", "initech"})
		rt.Repeat(map[string]func(*rapid.T){
			"add": func(rt *rapid.T) {
				o, n := organization.Draw(rt, "organization"), name.Draw(rt, "name")
				one, err := w.Add(t.Context(), confined(o), o, n)
				free := proved[n] == "" || proved[n] == o
				if free != (err == nil) {
					rt.Fatalf("%s adds %s of %q: %v", o, n, proved[n], err)
				}
				if err == nil {
					ids[o+" "+n] = one.ID
				}
			},
			"prove": func(rt *rapid.T) {
				o, n := organization.Draw(rt, "organization"), name.Draw(rt, "name")
				list, err := w.List(t.Context(), domain.Query{Organization: o, Name: n, Limit: 1})
				if err != nil || len(list) == 0 {
					return
				}
				w.publish(list[0].Challenge)
				_, err = w.Verify(t.Context(), confined(o), list[0].ID, false)
				if free := proved[n] == "" || proved[n] == o; free != (err == nil) {
					rt.Fatalf("%s proves %s of %q: %v", o, n, proved[n], err)
				}
				if err == nil {
					proved[n] = o
				}
			},
			"remove": func(rt *rapid.T) {
				o, n := organization.Draw(rt, "organization"), name.Draw(rt, "name")
				id := ids[o+" "+n]
				if id == "" {
					return
				}
				if _, err := w.Remove(t.Context(), confined(o), id); err != nil {
					rt.Fatal(err)
				}
				if delete(ids, o+" "+n); proved[n] == o {
					delete(proved, n)
				}
			},
			"": func(rt *rapid.T) {
				for _, n := range []string{"a.example", "b.example"} {
					if got, err := known.Owner(t.Context(), n); err != nil || got != proved[n] {
						rt.Fatalf("%s is of %q (%v), want %q", n, got, err, proved[n])
					}
				}
			},
		})
	})
}
