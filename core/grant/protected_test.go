package grant_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// admins has a protected role r0 for the group Admins, with jane and omar in it.
func admins(t *testing.T, w *world) {
	w.protected = []string{"r0"}
	w.take(mapping(t, "okta", "admins", "r0", "", "Admins"), mapping(t, "okta", "sales", "r1", "Sales"))
	w.clear()
	w.apply(acme, sdk.Create{Resource: user("jane", "Sales", true)}, sdk.Create{Resource: user("omar", "Sales", true)},
		sdk.Create{Resource: group("g", "Admins")}, sdk.Members{Group: "g", Add: []string{"jane", "omar"}})
}

// Each path that takes the last grant of a protected role leaves it, says what
// would have taken it, and does the rest of what it was to do.
func TestTheLastGrantIsKept(t *testing.T) {
	const admin, sales = "r0 mapping okta/admins", "r1 mapping okta/sales"
	gone := map[string]func(*testing.T, *world){
		"the group loses its last member": func(_ *testing.T, w *world) {
			w.apply(acme, sdk.Members{Group: "g", Remove: []string{"jane"}})
		},
		"the group is deleted": func(_ *testing.T, w *world) { w.apply(acme, sdk.Delete{Type: sdk.Group, ID: "g"}) },
		"the group is renamed": func(_ *testing.T, w *world) { w.apply(acme, sdk.Replace{Resource: group("g", "Others")}) },
		"the group is emptied": func(_ *testing.T, w *world) { w.apply(acme, sdk.Members{Group: "g", All: true}) },
	}
	for name, take := range gone {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				admins(t, w)
				w.apply(acme, sdk.Members{Group: "g", Remove: []string{"omar"}})
				if got := w.kept("omar"); !slices.Equal(got, []string{sales}) {
					t.Errorf("one of two: %v", got)
				}
				take(t, w)
				if got := w.kept("jane"); !slices.Equal(got, []string{admin + " kept from connection:okta", sales}) {
					t.Errorf("the last: %v", got)
				}
				if got := w.has("jane"); len(got) != 2 {
					t.Errorf("the last can use: %v", got)
				}
				w.apply(acme, sdk.Replace{Resource: user("jane", "", true)}) // a further look at her
				if got := w.kept("jane"); !slices.Equal(got, []string{admin + " kept from connection:okta"}) {
					t.Errorf("after another change: %v", got)
				}
			})
		})
	}
}

func TestOfSeveralWhoGoAtOnceOneStays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		admins(t, w)
		w.apply(acme, sdk.Replace{Resource: user("jane", "Sales", false)}, sdk.Members{Group: "g", All: true})
		if got := w.kept("omar"); !slices.Contains(got, "r0 mapping okta/admins kept from connection:okta") {
			t.Errorf("the active one: %v", got)
		}
		if got := w.kept("jane"); len(got) != 0 {
			t.Errorf("the inactive one: %v", got)
		}
		records, err := read(t, w)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"grant.given user:jane acme connection:okta trace r0 okta/admins", "grant.given user:jane acme connection:okta trace r1 okta/sales",
			"grant.given user:omar acme connection:okta trace r0 okta/admins", "grant.given user:omar acme connection:okta trace r1 okta/sales",
			"grant.kept user:omar acme connection:okta trace r0 okta/admins",
			"grant.taken user:jane acme connection:okta trace r0 okta/admins", "grant.taken user:jane acme connection:okta trace r1 okta/sales",
		}
		if diff := cmp.Diff(want, records); diff != "" {
			t.Error(diff)
		}
	})
}

// Whoever is deactivated or deleted keeps the row as the last, and the operator is
// told that nobody is left who can use it.
func TestNobodyIsLeft(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		admins(t, w)
		w.apply(acme, sdk.Replace{Resource: user("omar", "Sales", false)})
		vacant := func() (list []grant.Vacancy) {
			list, err := w.Vacant(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		if got := vacant(); len(got) != 0 {
			t.Errorf("jane is there: %v", got)
		}
		w.apply(acme, sdk.Delete{Type: sdk.User, ID: "jane"})
		if got := w.kept("jane"); !slices.Equal(got, []string{"r0 mapping okta/admins kept from connection:okta"}) {
			t.Errorf("deleted: %v", got)
		}
		if diff := cmp.Diff([]grant.Vacancy{{Role: "r0", Organization: "acme"}}, vacant()); diff != "" {
			t.Error(diff)
		}
		if err := w.store.Write(t.Context(), func(tx *store.Tx) error {
			return w.Forget(t.Context(), tx, grant.By{Actor: "brake", Organization: "acme"}, []string{"jane"})
		}); err != nil {
			t.Fatal(err)
		}
		list, err := w.Of(t.Context(), grant.User("jane"))
		if err != nil || len(list) != 1 || list[0].Reason != "" {
			t.Errorf("erased: %+v, %v", list, err)
		}
		w.apply(acme, sdk.Replace{Resource: user("omar", "Sales", true)}) // he is still in the group
		if got := w.kept("omar"); !slices.Contains(got, "r0 mapping okta/admins") {
			t.Errorf("who is back: %v", got)
		}
		if got := w.kept("jane"); len(got) != 0 {
			t.Errorf("what was kept is not needed any more: %v", got)
		}
		if got := vacant(); len(got) != 0 {
			t.Errorf("omar is back: %v", got)
		}
	})
}

// Another configuration takes the last grant as little, and whoever is evaluated
// on the spot meanwhile has it. One that does not protect the role lets it go.
func TestAnotherConfiguration(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		admins(t, w)
		w.take(mapping(t, "okta", "sales", "r1", "Sales"))
		count := func() (n int) {
			for _, id := range []string{"jane", "omar"} {
				if slices.Contains(w.has(id), "r0 mapping okta/admins kept from the configuration") {
					n++
				}
			}
			return n
		}
		if n := count(); n != 1 {
			t.Errorf("at once %d have it", n)
		}
		w.clear()
		if n := count(); n != 1 {
			t.Errorf("after the worker %d have it", n)
		}
		if err := w.store.Write(t.Context(), func(tx *store.Tx) error { return w.Declare(t.Context(), tx, nil, w.compile()) }); err != nil {
			t.Fatal(err)
		}
		w.clear()
		if n := count(); n != 1 {
			t.Errorf("without the connection %d have it", n)
		}
		if vacant, err := w.Vacant(t.Context()); err != nil || len(vacant) != 1 {
			t.Errorf("whose connection was taken away has no access: %v, %v", vacant, err)
		}
		w.protected = nil
		w.take()
		if n := count(); n != 0 {
			t.Errorf("not protected any more, %d have it", n)
		}
	})
}

// What is kept ends once somebody active has the role: by a rule, by hand, or
// because they are active again.
func TestAnotherHolderEndsWhatWasKept(t *testing.T) {
	by := grant.By{Actor: "local", Organization: "acme"}
	for name, come := range map[string]func(*testing.T, *world){
		"by a rule": func(_ *testing.T, w *world) { w.apply(acme, sdk.Members{Group: "g", Add: []string{"omar"}}) },
		"by hand": func(t *testing.T, w *world) {
			if _, err := w.Give(t.Context(), by, grant.ByHand{Principal: "user:omar", Role: "r0", Reason: "stands in"}); err != nil {
				t.Fatal(err)
			}
		},
		"active again": func(t *testing.T, w *world) {
			w.apply(acme, sdk.Replace{Resource: user("omar", "", false)})
			if _, err := w.Give(t.Context(), by, grant.ByHand{Principal: "user:omar", Role: "r0", Reason: "stands in"}); err != nil {
				t.Fatal(err)
			}
			if got := w.kept("jane"); len(got) == 0 {
				t.Fatal("somebody who is not active has ended it")
			}
			w.apply(acme, sdk.Replace{Resource: user("omar", "", true)})
			w.clear()
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				admins(t, w)
				w.apply(acme, sdk.Members{Group: "g", All: true}, sdk.Replace{Resource: user("jane", "", true)})
				if got := w.kept("jane"); len(got) != 1 {
					t.Fatal(got)
				}
				come(t, w)
				if got := w.kept("jane"); len(got) != 0 {
					t.Errorf("it is kept beside another: %v", got)
				}
			})
		})
	}
}

// A program does not stand in for the last person; a person does for the last
// program.
func TestProgramsAndPeople(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		admins(t, w)
		replace := func(source grant.Source, roles ...string) error {
			return w.store.Write(t.Context(), func(tx *store.Tx) error {
				return w.Replace(t.Context(), tx, grant.By{Actor: "file", Organization: "acme"}, grant.Client("ci"), source, "x", roles)
			})
		}
		if err := replace(grant.File, "r0"); err != nil {
			t.Fatal(err)
		}
		w.apply(acme, sdk.Members{Group: "g", All: true})
		if a, b := len(w.kept("jane")), len(w.kept("omar")); a+b != 3 {
			t.Errorf("a program has stood in for people: %d, %d", a, b)
		}
		if err := replace(grant.File); err != nil {
			t.Fatal(err)
		}
		if list, err := w.Of(t.Context(), grant.Client("ci")); len(list) != 0 || err != nil {
			t.Errorf("nobody stood in for the program: %v, %v", list, err)
		}
		beta := func(source grant.Source, roles ...string) error {
			return w.store.Write(t.Context(), func(tx *store.Tx) error {
				return w.Replace(t.Context(), tx, grant.By{Actor: "file", Organization: "beta"}, grant.Client("lone"), source, "", roles)
			})
		}
		if err := beta(grant.API, "r0", "r1"); err != nil {
			t.Fatal(err)
		}
		if err := beta(grant.API, "r1"); !problem.Is(err, problem.Conflict) {
			t.Errorf("what was asked for at run time is refused: %v", err)
		}
		if list, err := w.Of(t.Context(), grant.Client("lone")); len(list) != 2 || err != nil {
			t.Errorf("and changes nothing: %v, %v", list, err)
		}
		if err := beta(grant.File, "r0"); err != nil {
			t.Fatal(err)
		}
		if err := beta(grant.API); err != nil {
			t.Errorf("another program has it: %v", err)
		}
		if err := beta(grant.File); err != nil {
			t.Error(err)
		}
		if list, err := w.Of(t.Context(), grant.Client("lone")); len(list) != 1 || !list[0].Kept() || err != nil {
			t.Errorf("a file takes the last: %+v, %v", list, err)
		}
	})
}

// Two who each take one of the last two leave one, however they meet.
func TestTwoAtOnceLeaveOne(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		admins(t, w)
		w.apply(acme, sdk.Members{Group: "g", All: true})
		by := grant.By{Actor: "local", Organization: "acme"}
		for round := range 30 {
			for _, id := range []string{"jane", "omar"} {
				if _, err := w.Give(t.Context(), by, grant.ByHand{Principal: grant.User(id), Role: "r0", Reason: "again"}); err != nil {
					t.Fatal(err)
				}
			}
			errs := make([]error, 2)
			var both sync.WaitGroup
			for i, id := range []string{"jane", "omar"} {
				both.Go(func() { _, errs[i] = w.Take(t.Context(), by, grant.User(id), "r0") })
			}
			both.Wait()
			if (errs[0] == nil) == (errs[1] == nil) || !problem.Is(cmpOr(errs[0], errs[1]), problem.Conflict) {
				t.Fatalf("round %d: %v", round, errs)
			}
		}
	})
}

func cmpOr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// On PostgreSQL both have taken one, and seen the other, before either commits.
func TestTwoWhoSeeEachOtherLeaveOne(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		admins(t, w)
		rule := map[string]string{"jane": "x", "omar": "y"}
		write := func(id string, roles []string, then func()) error {
			return w.store.Write(t.Context(), func(tx *store.Tx) error {
				err := w.Replace(t.Context(), tx, grant.By{Actor: "file", Organization: "acme"}, grant.User(id), grant.File, rule[id], roles)
				then()
				return err
			})
		}
		for id := range rule {
			if err := write(id, []string{"r2"}, func() {}); err != nil {
				t.Fatal(err)
			}
		}
		w.protected = []string{"r0", "r2"}
		w.take()
		var met, both sync.WaitGroup
		met.Add(len(rule))
		for id := range rule {
			both.Go(func() {
				var once sync.Once
				err := write(id, nil, func() {
					if w.store.Dialect() == store.PostgreSQL { // on SQLite they stand in a line
						once.Do(func() { met.Done(); met.Wait() })
					}
				})
				if err != nil {
					t.Errorf("%s: %v", id, err)
				}
			})
		}
		both.Wait()
		kept := 0
		for id := range rule {
			for _, text := range w.kept(id) {
				if text == fmt.Sprintf("r2 file %s kept from file", rule[id]) {
					kept++
				}
			}
		}
		if kept != 1 {
			t.Errorf("%d have it", kept)
		}
	})
}

// Two IdPs of one organization each lose one of the last two at the same time.
func TestTwoConnectionsAtOnceLeaveOne(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		other := directory.Scope{Organization: "acme", Connection: "google"}
		w.protected = []string{"r0"}
		p := w.compile(mapping(t, "okta", "admins", "r0", "Admins"), mapping(t, "google", "admins", "r0", "Admins"))
		if err := w.store.Write(t.Context(), func(tx *store.Tx) error {
			return w.Declare(t.Context(), tx, []grant.Connection{{Label: "okta", Organization: "acme"}, {Label: "google", Organization: "acme"}}, p)
		}); err != nil {
			t.Fatal(err)
		}
		w.clear()
		w.apply(acme, sdk.Create{Resource: user("jane", "", true)})
		w.apply(other, sdk.Create{Resource: user("omar", "", true)})
		for round := range 15 {
			w.apply(acme, sdk.Replace{Resource: user("jane", "Admins", true)})
			w.apply(other, sdk.Replace{Resource: user("omar", "Admins", true)})
			var both sync.WaitGroup
			both.Go(func() { w.apply(acme, sdk.Replace{Resource: user("jane", "", true)}) })
			both.Go(func() { w.apply(other, sdk.Replace{Resource: user("omar", "", round%2 == 0)}) })
			both.Wait()
			if n := len(w.kept("jane")) + len(w.kept("omar")); n != 1 {
				t.Fatalf("round %d: %d have it", round, n)
			}
		}
	})
}
