//go:build linux

package life_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// standing is what somebody has: seen by the operator, and by the application.
type standing struct {
	State  bool
	Groups []string
	Roles  []string
	Key    int // status of a request with it
}

func (l leaver) standing(t *testing.T, h *gatehousetest.Host) (s standing) {
	t.Helper()
	var detail admin.UserDetail
	h.JSON(&detail, "users", "show", l.id)
	s.State = detail.Active
	for _, g := range detail.Groups {
		s.Groups = append(s.Groups, fmt.Sprint(g.DisplayName, " ", g.Nested))
	}
	for _, r := range detail.Roles {
		s.Roles = append(s.Roles, r.Name+" by "+r.Rule)
	}
	slices.Sort(s.Groups)
	var err error
	if s.Key, _, err = call(t.Context(), h, l.key); err != nil {
		t.Fatal(err)
	}
	return s
}

// team is a connection with people who own keys, some in two groups and some in
// one within another.
func team(t *testing.T, h *gatehousetest.Host, idp *gatehousetest.SCIM, n int) (all []leaver) {
	t.Helper()
	var direct, nested []string
	for i := range n {
		l := join(h, idp, "acme", fmt.Sprintf("person-%02d", i))
		all = append(all, l)
		if i%2 == 0 {
			direct = append(direct, l.id)
		} else {
			nested = append(nested, l.id)
		}
	}
	within := idp.Create("/Groups", group("Data", nested...))
	idp.Create("/Groups", group("Analysts", append(direct, within)...))
	idp.Create("/Groups", group("Everybody", append(direct, nested...)...))
	return all
}

// go takes one of them away: by turns deactivated and deleted.
func (l leaver) goes(idp *gatehousetest.SCIM, i int) gatehousetest.SCIMAnswer {
	if i%3 == 0 {
		return idp.Send(http.MethodDelete, "/Users/"+l.id, "")
	}
	return idp.Send(http.MethodPatch, "/Users/"+l.id, patch(`{"op":"replace","path":"active","value":false}`))
}

const leastPeople = 10 // with the tenth the brake trips

func window(t *testing.T, h *gatehousetest.Host) (w admin.BrakeWindow) {
	t.Helper()
	var list admin.BrakeList
	h.JSON(&list, "brake", "list")
	if len(list.Windows) != 1 {
		t.Fatalf("windows: %+v", list.Windows)
	}
	return list.Windows[0]
}

func decide(t *testing.T, h *gatehousetest.Host, what string) {
	t.Helper()
	args := []string{"brake", what, "acme-okta"}
	if what == "release" {
		args = append(args, "--yes")
	}
	if r := h.CLI(args...); r.Status != 0 {
		t.Fatalf("brake %s: status %d: %s", what, r.Status, r.Err)
	}
	gatehousetest.Eventually(t, "the window is gone", func() bool {
		var list admin.BrakeList
		h.JSON(&list, "brake", "list")
		return len(list.Windows) == 0
	})
}

// told checks what an operator sees without looking for it, and who it is.
func told(t *testing.T, h *gatehousetest.Host, all []leaver, waiting int) {
	t.Helper()
	var status admin.Status
	if r := h.CLI("status", "--json"); json.Unmarshal([]byte(r.Out), &status) != nil { // its exit status is 3 if something is wrong
		t.Fatalf("status: %s %s", r.Out, r.Err)
	}
	wrong := slices.ContainsFunc(status.Wrong, func(w admin.Wrong) bool { return strings.Contains(w.Problem, "connection acme-okta") })
	if wrong != (waiting > 0) {
		t.Errorf("with %d who wait, gatehouse status says %+v", waiting, status.Wrong)
	}
	if got, want := metrics(t, h), fmt.Sprintf("\ngatehouse_brake_waiting{connection=%q} %d\n", "acme-okta", waiting); !strings.Contains(got, want) {
		t.Errorf("the metrics have no line %s", want)
	}
	if len(all) == 0 {
		return
	}
	listed := h.CLI("brake", "list", "acme-okta").Out
	for _, l := range all {
		if !strings.Contains(listed, l.name) {
			t.Errorf("%s is not in the list of those who left:\n%s", l.name, listed)
		}
	}
}

func metrics(t *testing.T, h *gatehousetest.Host) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := keeping.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A mass deactivation that was a mistake is taken back: everybody has what they
// had, memberships, roles and keys.
func TestADiscardRestoresEverybody(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"suspend", "hold"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			storetest.EachURL(t, func(t *testing.T, url string) {
				h := start(t, gatehousetest.Options{Store: url}, linked("acme-okta", "acme", fmt.Sprintf("brake {\n mode = %q\n}", mode)))
				idp := h.SCIM("acme-okta")
				all := team(t, h, idp, leastPeople+4)
				before := map[string]standing{}
				for _, l := range all {
					before[l.name] = l.standing(t, h)
					if s := before[l.name]; !s.State || s.Key != accepted || len(s.Roles) != 1 || len(s.Groups) < 2 {
						t.Fatalf("%s has %+v", l.name, s)
					}
				}
				held := 0
				for i, l := range all {
					a := l.goes(idp, i)
					if mode == "hold" && a.Status == http.StatusServiceUnavailable {
						held++
						if a.Header.Get("Retry-After") == "" || a.Body["detail"] == "" {
							t.Errorf("who is held is told: %v %s", a.Header, a.Text)
						}
						may(t, h, l.key, accepted)
						continue
					}
					if a.Status/100 != 2 {
						t.Fatalf("status %d: %s", a.Status, a.Text)
					}
					may(t, h, l.key, http.StatusForbidden)
				}
				w := window(t, h)
				if want := map[string]int{"suspend": 0, "hold": 5}[mode]; w.State != "tripped" || held != want || w.Held != want {
					t.Errorf("%d were held, want %d: %+v", held, want, w)
				}
				told(t, h, all, len(all))
				decide(t, h, "discard")
				told(t, h, nil, 0)
				for _, l := range all {
					if diff := cmp.Diff(before[l.name], l.standing(t, h)); diff != "" {
						t.Errorf("%s has not what they had (-before +after):\n%s", l.name, diff)
					}
				}
			})
		})
	}
}

// With mode hold, the release lets those go who were kept, and the IdP's next
// attempt finds it done.
func TestAReleaseLetsGo(t *testing.T) {
	t.Parallel()
	h := start(t, gatehousetest.Options{}, linked("acme-okta", "acme", "brake {\n mode = \"hold\"\n}"))
	idp := h.SCIM("acme-okta")
	all := team(t, h, idp, leastPeople+4)
	var held []int
	for i, l := range all {
		if l.goes(idp, i).Status == http.StatusServiceUnavailable {
			held = append(held, i)
		}
	}
	if len(held) != 5 {
		t.Fatalf("%d were held", len(held))
	}
	decided := func() {
		if r := h.CLI("brake", "release", "acme-okta", "--yes"); r.Status != 0 {
			t.Fatalf("release: %s", r.Err)
		}
	}
	decided()
	gatehousetest.Eventually(t, "who was held is out", func() bool {
		return !slices.ContainsFunc(held, func(i int) bool {
			status, _, err := call(t.Context(), h, all[i].key)
			return err != nil || status == accepted
		})
	})
	for _, i := range held { // the IdP comes again
		a := all[i].goes(idp, i)
		if i%3 == 0 && a.Status != http.StatusNotFound && a.Status != http.StatusNoContent || i%3 != 0 && a.Status/100 != 2 {
			t.Errorf("the IdP's next attempt: status %d: %s", a.Status, a.Text)
		}
	}
	for i, l := range all {
		if i%3 == 0 {
			idp.Must(http.StatusNotFound, http.MethodGet, "/Users/"+l.id, "")
		} else if a := idp.Must(http.StatusOK, http.MethodGet, "/Users/"+l.id, ""); a.Body["active"] != false {
			t.Errorf("%s is active: %s", l.name, a.Text)
		}
	}
}
