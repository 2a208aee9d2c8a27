package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// aPlan has something of everything.
var aPlan = wire.Plan{
	Digest: "d", Files: "f", Revision: 5, MadeAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Users: 2, Clients: 1,
	Roles:       []wire.PlannedRole{{Role: "admin", UsersLose: 1}},
	Access:      []wire.PlannedAccess{{Access: wire.AccessLost, Because: wire.ByConnection, Of: "okta", Users: 1}},
	Lockouts:    []wire.Lockout{{Role: "admin", Organization: "acme", Users: 1}},
	MultiFactor: []string{"okta"}, Addresses: []wire.PlannedAddress{{Connection: "okta", Instance: "okta/saml", What: "acs", Before: "a", After: "b"}},
	Permissions: []wire.PlannedPermissions{{Role: "admin", Gains: []string{"a:b"}, Loses: []string{}}}, Routes: []wire.PlannedRoute{{Upstream: "app", Pattern: "/", After: "nothing"}},
	Connections: wire.PlannedNames{Added: []string{}, Removed: []string{"okta"}}, Declarations: wire.PlannedNames{Added: []string{}, Removed: []string{}},
}

func (configuration) Plan(_ context.Context, asked wire.NewPlan) (admin.Planning, error) {
	if asked.Files[0].Name == "wrong.hcl" {
		return nil, &admin.RefusedConfig{Problem: problem.New(problem.Invalid, "it is wrong"), Diagnostics: json.RawMessage(`{"version":1}`), Report: "error"}
	}
	return func(_ context.Context, emit func(wire.PlanLine) error) error {
		err := errors.Join(
			emit(wire.PlanLine{Progress: &wire.PlanProgress{Done: 1, Total: 2}}),
			emit(wire.PlanLine{Change: &wire.PlannedChange{Principal: "user:u1", Organization: "acme", Loses: []wire.PlannedGrant{{Role: "admin", Source: "mapping"}}}}),
		)
		if asked.Files[0].Name == "fails.hcl" {
			return problem.New(problem.Unavailable, "the store is away").WithHint("come again")
		}
		made := aPlan
		return errors.Join(err, emit(wire.PlanLine{Plan: &made}))
	}, nil
}

func TestAPlanComesInLines(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	c := h.dial(t, "gatehouse:config:*")
	var lines []wire.PlanLine
	seen := func(l wire.PlanLine) error { lines = append(lines, l); return nil }
	made, err := c.PlanConfig(t.Context(), wire.NewPlan{Files: []wire.ConfigFile{{Name: "a.hcl", Text: strings.Repeat("# ", 1<<20)}}}, seen)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(aPlan, made); diff != "" || len(lines) != 2 || lines[0].Progress == nil || lines[1].Change == nil {
		t.Errorf("%+v\n%s", lines, diff)
	}
	_, err = c.PlanConfig(t.Context(), wire.NewPlan{Files: []wire.ConfigFile{{Name: "wrong.hcl"}}}, seen)
	refused(t, err, problem.Invalid, "it is wrong")
	var answer *wire.Error
	if !errors.As(err, &answer) || answer.Report != "error" {
		t.Errorf("%+v", answer)
	}
	_, err = c.PlanConfig(t.Context(), wire.NewPlan{Files: []wire.ConfigFile{}}, seen)
	refused(t, err, problem.Invalid, "has none")
	// The status has been sent when it fails: the last line says so.
	_, err = c.PlanConfig(t.Context(), wire.NewPlan{Files: []wire.ConfigFile{{Name: "fails.hcl"}}}, seen)
	refused(t, err, problem.Unavailable, "the store is away")
	gone := errors.New("enough")
	if _, err := c.PlanConfig(t.Context(), wire.NewPlan{Files: []wire.ConfigFile{{Name: "a.hcl"}}}, func(wire.PlanLine) error { return gone }); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}

// A plan shows people, and has the files' plugins started: whoever may only read
// the configuration gets none, and nobody who is confined does.
func TestWhoMayPlan(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	_, reader := h.token(t, "gatehouse:config:read", "gatehouse:users:*")
	_, confined := h.confined(t, "acme")
	for name, token := range map[string]http.Header{"who reads": with(reader), "who is confined": with(confined)} {
		resp, body := h.send(t, http.MethodPost, wire.Prefix+"/config/plan", `{"files":[{"name":"a.hcl","text":""}]}`, token)
		if resp.StatusCode != http.StatusForbidden || strings.Contains(body, "user:u1") {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
}

// What an apply was decided on may have changed, and a protected role is not left.
func TestAnApplyIsHeldToItsPlan(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	c := h.dial(t, "gatehouse:config:write")
	files := []wire.ConfigFile{{Name: "lockout.hcl"}}
	_, err := c.ApplyConfig(t.Context(), wire.NewConfig{Files: files, Plan: "old"})
	refused(t, err, problem.Changed, "something else")
	_, err = c.ApplyConfig(t.Context(), wire.NewConfig{Files: files})
	refused(t, err, problem.Conflict, "nobody would be left")
	applied, err := c.ApplyConfig(t.Context(), wire.NewConfig{Files: files, AllowLockout: []string{"admin"}})
	if err != nil || applied.Plan == nil || len(applied.Plan.Lockouts) != 1 {
		t.Errorf("%+v, %v", applied, err)
	}
	many := make([]string, 101)
	for i := range many {
		many[i] = "r"
	}
	_, err = c.ApplyConfig(t.Context(), wire.NewConfig{Files: files, AllowLockout: many})
	refused(t, err, problem.Invalid, "allow_lockout")
}
