package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// What people see of a host, in 80 columns.
func TestStatus(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	well := admin.Status{
		Version: "1.2.3", Revision: 7, LoadedAt: now.Add(-10 * time.Minute), StartedAt: now.Add(-time.Hour), PublicURL: "https://app.example.com", Ready: true,
		Conditions: []admin.Condition{{Name: "plugin apikey", OK: true}, {Name: "store", OK: true}},
	}
	plugins := []admin.Plugin{
		{
			Name: "apikey", Version: "1.2.3", State: "ready", Since: now.Add(-time.Hour), PID: 7, Instances: []admin.PluginInstance{{Name: "apikey"}, {Name: "partners"}},
			InForce:     []string{"pinned", "sealed", "parent_death_signal", "host_pipe", "process_group", "clean_environment", "private_folder", "limits", "landlock", "seccomp"},
			Confinement: admin.Confinement{Landlock: 7, Seccomp: true, Limits: true, Memory: 256 << 20},
		},
		{
			Name: "ldap", Version: "0.4.0", State: "backoff", Since: now.Add(-2 * time.Second), Restarts: 4, DedicatedTo: "staff", LastError: "it ended with signal killed",
			Instances: []admin.PluginInstance{{Name: "staff", Error: "the directory does not answer"}},
		},
	}
	ending, refused, failing := well, well, well
	ending.Ending = []admin.Ending{
		{Kind: admin.EndingKey, ID: "KAAAAAAAAAAAAAAA", Of: "ci", Organization: "acme", EndsAt: now.Add(day), Replaced: true},
		{Kind: admin.EndingKey, ID: "KBBBBBBBBBBBBBBB", Of: "a-client-with-a-name-that-is-as-long-as-the-form-of-ids-lets-it-be", Organization: "acme", EndsAt: now.Add(2 * day)},
		{Kind: admin.EndingClient, ID: "guest", Organization: "acme", EndsAt: now.Add(3 * day)},
		{Kind: admin.EndingToken, ID: "TCCCCCCCCCCCCCCC", Of: "deploy", EndsAt: now.Add(4 * day)},
		{Kind: admin.EndingProvisioningToken, ID: "PEEEEEEEEEEEEEEE", Of: "acme-okta", Organization: "acme", EndsAt: now.Add(4 * day)},
		{Kind: admin.EndingProvisioningToken, ID: "PFFFFFFFFFFFFFFF", Of: "acme-okta", Organization: "acme", EndsAt: now.Add(4 * day), Replaced: true},
		{Kind: admin.EndingHostKey, ID: "kDDDDDDDDDDDDDDDDDDDDD", Of: "assertion", EndsAt: now.Add(5 * day), Replaced: true},
		{Kind: admin.EndingCertificate, ID: "1f", Of: "app.example.com", EndsAt: now.Add(6 * day)},
	}
	pulling := well
	pulling.Pulls = []admin.Pull{
		{
			Instance: "acme-google/google", State: admin.PullReading, Parts: 3, StartedAt: now.Add(-time.Hour), CompletedAt: now.Add(-2 * time.Hour),
			RetryAt: now.Add(10 * time.Minute), Failures: 4, Problem: "Google does not let admin@acme.example read its directory: forbidden Not Authorized to access this resource/api",
		},
		{Instance: "globex-google/google", State: admin.PullEnding, Parts: 7, StartedAt: now.Add(-3 * time.Minute)},
		{Instance: "initech-google/google", State: admin.PullWaiting, Parts: 2, StartedAt: now.Add(-11 * time.Minute), CompletedAt: now.Add(-10 * time.Minute)},
	}
	refused.Refused = &admin.RefusedReload{At: now.Add(-time.Minute), Reason: "2 errors"}
	refused.Wrong = []admin.Wrong{{
		Problem: "a newer configuration was refused: 2 errors", Affects: "nobody who calls: revision 7 goes on; what was changed is not in force",
		Next: "gatehouse validate, and once it is right gatehouse apply",
	}}
	failing.Ready, failing.Conditions = false, []admin.Condition{{Name: "store", Detail: "the disk is full"}}
	failing.Wrong = []admin.Wrong{{
		Problem: "store: the disk is full", Affects: "callers who are not in memory, and whoever changes something",
		Next: "df -h, and look at the database file that the store block names",
	}}
	for _, tt := range []struct {
		name   string
		status admin.Status
		hidden bool
		list   []admin.Plugin
	}{
		{"well", well, false, plugins[:1]},
		{"ending", ending, true, nil},
		{"pulling", pulling, false, plugins[:1]},
		{"refused", refused, false, nil},
		{"failing", failing, false, plugins},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			screen := &terminal{out: &out, width: defaultWidth}
			if err := screen.overview(overview{Status: tt.status, Plugins: tt.list}, tt.hidden, now); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > defaultWidth && strings.Count(strings.TrimSpace(line), " ") > 2 {
					t.Errorf("it is wider than %d columns: %s", defaultWidth, line)
				}
			}
			golden := filepath.Join("testdata", "status", tt.name+".txt")
			if *update {
				if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
