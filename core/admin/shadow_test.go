package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// shadow is one that goes on once it was started.
type shadow struct{ running *bool }

var noShadow = wire.Shadow{Roles: []wire.ShadowDifference{}, Permissions: []wire.ShadowDifference{}, Principals: []wire.ShadowPrincipal{}}

func (s shadow) Start(_ context.Context, files []wire.ConfigFile) (wire.Shadow, error) {
	if files[0].Name == "wrong.hcl" {
		return wire.Shadow{}, &admin.RefusedConfig{Problem: problem.New(problem.Invalid, "it is wrong"), Diagnostics: json.RawMessage(`{"version":1}`), Report: "error"}
	}
	*s.running = true
	return s.Status(), nil
}

func (s shadow) Stop() (wire.Shadow, error) {
	if !*s.running {
		return wire.Shadow{}, problem.New(problem.NotFound, "none goes on")
	}
	*s.running = false
	return s.Status(), nil
}

func (s shadow) Status() wire.Shadow {
	found := noShadow
	found.Running = *s.running
	if found.Running {
		found.Principals = []wire.ShadowPrincipal{{Principal: "user:u1", Organization: "acme", Roles: wire.ShadowChange{Gains: []string{}, Loses: []string{"admin"}}, Permissions: wire.ShadowChange{Gains: []string{}, Loses: []string{}}}}
	}
	return found
}

func TestAShadow(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	c := h.dial(t, "gatehouse:config:write")
	_, err := c.StopShadow(t.Context())
	refused(t, err, problem.NotFound, "none goes on")
	_, err = c.StartShadow(t.Context(), wire.NewShadow{Files: []wire.ConfigFile{}})
	refused(t, err, problem.Invalid, "has none")
	_, err = c.StartShadow(t.Context(), wire.NewShadow{Files: []wire.ConfigFile{{Name: "wrong.hcl"}}})
	var answer *wire.Error
	if !errors.As(err, &answer) || answer.Report != "error" {
		t.Errorf("%+v", answer)
	}
	if s, err := c.StartShadow(t.Context(), wire.NewShadow{Files: []wire.ConfigFile{{Name: "a.hcl"}}}); err != nil || !s.Running {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := c.Shadow(t.Context()); err != nil || len(s.Principals) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := c.StopShadow(t.Context()); err != nil || s.Running {
		t.Errorf("%+v, %v", s, err)
	}
}

// A shadow tells of all organizations who would have what.
func TestWhoMayShadow(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	_, reader := h.token(t, "gatehouse:config:read", "gatehouse:users:*")
	_, confined := h.confined(t, "acme")
	for name, token := range map[string]http.Header{"who reads": with(reader), "who is confined": with(confined)} {
		for _, rt := range []struct{ method, path, body string }{{"GET", "/config/shadow", ""}, {"POST", "/config/shadow/start", `{"files":[{"name":"a.hcl","text":""}]}`}, {"POST", "/config/shadow/stop", ""}} {
			if resp, body := h.send(t, rt.method, wire.Prefix+rt.path, rt.body, token); resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %s: %d %s", name, rt.path, resp.StatusCode, body)
			}
		}
	}
}
