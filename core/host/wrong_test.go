package host

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/grant"
	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// Each thing that is wrong comes with who notices it and what to do; what is
// well comes with nothing.
func TestWrong(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	serving := []pluginhost.Status{{Plugin: "apikey", Instances: []pluginhost.InstanceStatus{{Name: "keys"}, {Name: "partners"}}}}
	next := func(late time.Duration) []keyring.Info {
		return []keyring.Info{{ID: "k1", State: "next", ActivatesAt: now.Add(-late)}}
	}
	condition := func(name string, ok bool) admin.Status {
		return admin.Status{Revision: 7, Conditions: []admin.Condition{{Name: name, OK: ok, Detail: "it says why"}}}
	}
	for _, tt := range []struct {
		name    string
		status  admin.Status
		dialect store.Dialect
		keys    []keyring.Info
		want    []string // parts of the one that is wrong; none is nothing
	}{
		{"well", condition("store", true), store.SQLite, next(time.Minute), nil},
		{"sqlite", condition("store", false), store.SQLite, nil, []string{"store: it says why", "whoever changes", "df -h"}},
		{"postgres", condition("store", false), store.PostgreSQL, nil, []string{"store: it says why", "pg_isready"}},
		{"plugin", condition("plugin apikey", false), store.SQLite, nil, []string{"plugin apikey: it says why", "callers of keys, partners", "gatehouse plugins list"}},
		{"authenticator", condition("authenticator keys", false), store.SQLite, nil, []string{"authenticator keys", "credential of keys", "gatehouse validate"}},
		{"signing key", condition("store", true), store.SQLite, next(2 * time.Hour), []string{"k1 should sign", "the key before goes on", "keyring rotate"}},
		{"pull that failed once", admin.Status{Pulls: []admin.Pull{{Instance: "acme-google/google", Failures: 2}}}, store.SQLite, nil, nil},
		{"pull that fails", admin.Status{Pulls: []admin.Pull{{Instance: "acme-google/google", Failures: 3, Problem: "secret"}}}, store.SQLite, nil, []string{"acme-google/google could not ask", "everybody else goes on", "gatehouse status"}},
		{"refused", admin.Status{Revision: 7, Refused: &admin.RefusedReload{At: now, Reason: "2 errors"}}, store.SQLite, nil, []string{"2 errors", "revision 7 goes on", "gatehouse apply"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := wrong(tt.status, tt.dialect, serving, tt.keys, now)
			if tt.want == nil {
				if len(got) != 0 {
					t.Errorf("nothing is wrong, and it says %v", got)
				}
				return
			}
			if len(got) != 1 {
				t.Fatalf("it says %v", got)
			}
			said := strings.Join([]string{got[0].Problem, got[0].Affects, got[0].Next}, "\n")
			for _, part := range tt.want {
				if !strings.Contains(said, part) {
					t.Errorf("%q is missing in %q", part, said)
				}
			}
		})
	}
}

func TestOwnRegoThatGivesNoAnswerIsWrong(t *testing.T) {
	t.Parallel()
	if got := unanswered(nil); len(got) != 0 {
		t.Errorf("nothing is wrong, and it says %v", got)
	}
	got := unanswered([]grant.OwnFailure{{Connection: "acme-okta", Problem: "it takes longer than 50ms", Since: time.Unix(0, 0)}})
	if len(got) != 1 || !strings.Contains(got[0].Problem, "acme-okta gives no answer since 1970-01-01T00:00:00Z: it takes longer") || !strings.Contains(got[0].Affects, "keep what it gave them") {
		t.Errorf("%v", got)
	}
}
