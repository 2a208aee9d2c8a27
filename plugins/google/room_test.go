package google_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/google"
	"github.com/gatehouse-id/gatehouse/plugins/google/googletest"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

const name = "acme-google/google"

type doc = googletest.Doc

// signingKey is that of the service account of all tests.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newWorkspace() *googletest.Workspace {
	return googletest.New(signingKey(), "https://oauth2.googleapis.com/token")
}

func credentials(t *testing.T) string {
	t.Helper()
	text, err := newWorkspace().Credentials()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// room is the plugin with a workspace and a directory.
type room struct {
	*plugintest.Harness
	*googletest.Workspace
	t     *testing.T
	notes []provision.Note
}

func open(t *testing.T, values doc) *room {
	t.Helper()
	r := &room{Harness: plugintest.New(t, google.Plugin()), Workspace: newWorkspace(), t: t}
	r.HandleFetch(r.Workspace)
	r.set(values)
	return r
}

func (r *room) set(values doc) {
	r.t.Helper()
	all := doc{"credentials": credentials(r.t), "subject": googletest.Admin, "customer": "my_customer", "adopt": false, "api_url": "https://admin.googleapis.com"}
	maps.Copy(all, values)
	if ds, err := r.Configure(r.t.Context(), "google", name, all); err != nil || ds.HasErrors() {
		r.t.Fatal(ds, err)
	}
}

// pass does a whole one and returns the cursors of its parts.
func (r *room) pass() (cursors []string) {
	r.t.Helper()
	for cursor := ""; ; {
		p, notes, err := r.Sync(r.t.Context(), name, cursor)
		if err != nil {
			r.t.Fatal(err)
		}
		r.notes = append(r.notes, notes...)
		if p.Done {
			return cursors
		}
		if len(cursors) > 100 {
			r.t.Fatal("the pass does not end")
		}
		cursor = p.Cursor
		cursors = append(cursors, cursor)
	}
}

// people are who is there: by Google's id what matters of them.
func (r *room) people() map[string]string {
	all := map[string]string{}
	for _, u := range r.Directory("acme-google").Resources(directory.User) {
		var a struct {
			UserName string
			Active   bool
		}
		if err := json.Unmarshal(u.Attributes, &a); err != nil {
			r.t.Fatal(err)
		}
		all[u.ExternalID] = fmt.Sprintf("%s %v", a.UserName, a.Active)
	}
	return all
}

// teams are the groups with their members.
func (r *room) teams() map[string][]string {
	all := map[string][]string{}
	for _, g := range r.Directory("acme-google").Resources(directory.Group) {
		members := []string{}
		for _, m := range g.Members {
			members = append(members, m.Display)
		}
		all[g.ExternalID] = members
	}
	return all
}
