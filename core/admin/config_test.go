package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// configuration has five revisions, and takes every file but one named
// wrong.hcl.
type configuration struct{}

func (configuration) Apply(_ context.Context, by credential.By, asked wire.NewConfig) (wire.AppliedConfig, error) {
	switch {
	case asked.Files[0].Name == "wrong.hcl":
		return wire.AppliedConfig{}, &admin.RefusedConfig{
			Problem: problem.New(problem.Invalid, "it is wrong"), Diagnostics: json.RawMessage(`{"version":1}`), Report: "error: by " + by.Actor,
		}
	case asked.Plan == "old":
		return wire.AppliedConfig{}, problem.New(problem.Changed, "it would change something else")
	case asked.Files[0].Name == "lockout.hcl" && len(asked.AllowLockout) == 0:
		return wire.AppliedConfig{}, problem.New(problem.Conflict, "nobody would be left")
	}
	made := aPlan
	return wire.AppliedConfig{Revision: 6, Diagnostics: json.RawMessage(`{"version":1}`), Report: asked.Files[0].Text, Plan: &made}, nil
}

func (configuration) Revisions(_ context.Context, before int64, limit int) ([]wire.Revision, error) {
	list := []wire.Revision{}
	for n := min(before-1, 5); n > 0 && len(list) < limit; n-- {
		list = append(list, wire.Revision{Number: n})
	}
	return list, nil
}

func (configuration) Revision(_ context.Context, n int64) (wire.RevisionDetail, error) {
	if n > 5 {
		return wire.RevisionDetail{}, problem.New(problem.NotFound, "there is no revision %d", n)
	}
	return wire.RevisionDetail{Revision: wire.Revision{Number: n}, Files: []wire.ConfigFile{{Name: "a.hcl", Text: "# a"}}}, nil
}

func TestAConfigurationIsApplied(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	c := h.dial(t, "gatehouse:config:*")
	big := strings.Repeat("# ", 1<<20) // more than other bodies may be
	applied, err := c.ApplyConfig(t.Context(), wire.NewConfig{Files: []wire.ConfigFile{{Name: "a.hcl", Text: big}}})
	if err != nil || applied.Revision != 6 || applied.Report != big {
		t.Errorf("revision %d, %d characters: %v", applied.Revision, len(applied.Report), err)
	}
	_, err = c.ApplyConfig(t.Context(), wire.NewConfig{Files: []wire.ConfigFile{{Name: "wrong.hcl"}}})
	refused(t, err, problem.Invalid, "it is wrong")
	var answer *wire.Error
	if !errors.As(err, &answer) || !strings.HasPrefix(answer.Report, "error: by admin_token:") || answer.TraceID != "trace-1" {
		t.Errorf("the refusal is %+v", answer)
	}
	_, err = c.ApplyConfig(t.Context(), wire.NewConfig{Files: []wire.ConfigFile{}})
	refused(t, err, problem.Invalid, "has none")
	_, token := h.token(t, "gatehouse:config:write")
	resp, body := h.send(t, http.MethodPost, wire.Prefix+"/config/apply", `{"files":[{"name":"wrong.hcl","text":""}]}`, with(token))
	if resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Content-Type") != problem.MediaType || !strings.Contains(body, `"diagnostics":{"version":1}`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestRevisionsComeInPages(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	c := h.dial(t, "gatehouse:config:read")
	var seen []int64
	for after := ""; ; {
		page, err := c.ConfigRevisions(t.Context(), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Revisions {
			seen = append(seen, r.Number)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if len(seen) != 5 || seen[0] != 5 || seen[4] != 1 {
		t.Errorf("the pages hold %v", seen)
	}
	detail, err := c.ConfigRevision(t.Context(), 3)
	if err != nil || detail.Number != 3 || len(detail.Files) != 1 {
		t.Errorf("%v %v", detail, err)
	}
	_, err = c.ConfigRevision(t.Context(), 9)
	refused(t, err, problem.NotFound, "no revision 9")
	_, err = c.ApplyConfig(t.Context(), wire.NewConfig{Files: []wire.ConfigFile{{Name: "a.hcl"}}})
	refused(t, err, problem.Forbidden, "gatehouse:config:write")
	_, token := h.token(t)
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "after=0", "after=-1", "before=1"} {
		if resp, body := h.send(t, http.MethodGet, wire.Prefix+"/config/revisions?"+query, "", with(token)); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, resp.StatusCode, body)
		}
	}
	for _, n := range []string{"0", "-1", "x", "99999999999999999999"} {
		if resp, body := h.send(t, http.MethodGet, wire.Prefix+"/config/revisions/"+n, "", with(token)); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d %s", n, resp.StatusCode, body)
		}
	}
}
