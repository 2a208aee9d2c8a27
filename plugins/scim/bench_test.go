package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// still is a directory that is always in the same state, so that what is
// measured is the plugin.
type still struct {
	resources []directory.Resource
	members   []directory.Member
}

func (s *still) Find(_ context.Context, q directory.Query) (directory.Page, error) {
	return directory.Page{Resources: slices.Clone(s.resources[:min(q.Limit, len(s.resources))]), Total: len(s.resources)}, nil
}

func (s *still) Members(_ context.Context, _, after string, limit int) ([]directory.Member, bool, error) {
	var at int
	if _, err := fmt.Sscanf(after, "u-%d", &at); err == nil {
		at++
	}
	end := min(at+limit, len(s.members))
	return s.members[at:end], end < len(s.members), nil
}

func (s *still) Apply(_ context.Context, changes []directory.Change) ([]directory.Outcome, error) {
	out := make([]directory.Outcome, len(changes))
	for i := range out {
		out[i] = directory.Outcome{ID: "g-1", Version: 2, Changed: true}
	}
	return out, nil
}

// sink is a ResponseWriter that forgets.
type sink struct {
	header http.Header
	bytes  int
	status int
	last   []byte
}

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(status int) {
	s.status = status
}

func (s *sink) Write(p []byte) (int, error) {
	s.bytes += len(p)
	s.last = p
	return len(p), nil
}

// entraUser is a user of about 900 bytes, as Entra sends them.
const entraUser = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],` +
	`"externalId":"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef","userName":"ida.berg@corp.test","active":true,"displayName":"Ida Berg",` +
	`"emails":[{"primary":true,"type":"work","value":"ida.berg@corp.test"}],"meta":{"resourceType":"User"},` +
	`"name":{"formatted":"Ida Berg","familyName":"Berg","givenName":"Ida"},"roles":[],"title":"Site engineer","preferredLanguage":"en-US",` +
	`"phoneNumbers":[{"type":"work","value":"+41 31 555 01 02"},{"type":"mobile","value":"+41 79 555 01 02"}],` +
	`"addresses":[{"type":"work","streetAddress":"Main Street 1","locality":"Bern","postalCode":"3000","country":"CH"}],` +
	`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"4711","department":"Engineering","costCenter":"CC-7","manager":{"value":"26118915-6090-4610-87e4-49d8ca9f808d"}}}`

func serve(b *testing.B, s *site, method, target, body string, status int) {
	b.Helper()
	u, err := url.Parse(target)
	if err != nil {
		b.Fatal(err)
	}
	ctx := provision.WithCall(context.Background(), provision.Call{BaseURL: base})
	r := (&http.Request{Method: method, URL: u, Header: http.Header{"Content-Type": {scimMedia}}, Body: http.NoBody}).WithContext(ctx)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if body != "" {
			r.Body = readCloser{strings.NewReader(body)}
		}
		w := sink{header: http.Header{}}
		s.handler.ServeHTTP(&w, r)
		if w.status != status {
			b.Fatalf("status %d: %s", w.status, w.last)
		}
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func user(t testing.TB) directory.Resource {
	t.Helper()
	s := newSite(t, nil)
	id := s.do("POST", "/Users", entraUser).want(http.StatusCreated).id()
	r, _ := s.directory.Resource(directory.User, id)
	return r
}

// BenchmarkCreate is one POST of a user. floor decodes and encodes the same body
// with encoding/json.
func BenchmarkCreate(b *testing.B) {
	b.Run("handler", func(b *testing.B) {
		serve(b, newSiteOver(b, nil, nil, &still{}), "POST", "/Users", entraUser, http.StatusCreated)
	})
	b.Run("floor", func(b *testing.B) {
		b.SetBytes(int64(len(entraUser)))
		b.ReportAllocs()
		for b.Loop() {
			var v map[string]any
			if err := json.Unmarshal([]byte(entraUser), &v); err != nil {
				b.Fatal(err)
			}
			if _, err := json.Marshal(v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkList is a list of 100 users. floor encodes them with encoding/json.
func BenchmarkList(b *testing.B) {
	const rows = 100
	one := user(b)
	var all []directory.Resource
	for range rows {
		all = append(all, one)
	}
	perRow := func(b *testing.B) {
		b.Helper()
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	}
	for name, target := range map[string]string{"handler": "/Users?count=100", "attributes": "/Users?count=100&attributes=userName,emails.value"} {
		b.Run(name, func(b *testing.B) {
			serve(b, newSiteOver(b, nil, nil, &still{resources: all}), "GET", target, "", http.StatusOK)
			perRow(b)
		})
	}
	b.Run("floor", func(b *testing.B) {
		var v map[string]any
		if err := json.Unmarshal(one.Attributes, &v); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			var w bytes.Buffer
			for range rows {
				if err := json.NewEncoder(&w).Encode(v); err != nil {
					b.Fatal(err)
				}
			}
		}
		perRow(b)
	})
}

// BenchmarkPatch is a PATCH of one attribute, as Entra sends it.
func BenchmarkPatch(b *testing.B) {
	one := user(b)
	one.ID = "u-1"
	serve(b, newSiteOver(b, nil, nil, &still{resources: []directory.Resource{one}}), "PATCH", "/Users/u-1",
		patchBody(`[{"op":"Replace","path":"title","value":"Lead"}]`), http.StatusOK)
}

// BenchmarkLargeGroup reads and replaces a group of 100,000.
func BenchmarkLargeGroup(b *testing.B) {
	const size = 100_000
	members := make([]directory.Member, size)
	var body strings.Builder
	body.WriteString(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"All","members":[`)
	for i := range members {
		members[i] = directory.Member{ID: fmt.Sprintf("u-%d", i), Type: directory.User, Display: fmt.Sprintf("user-%d@corp.test", i)}
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"value":"01a216d1-9aed-76d1-a250-%012d","display":"user-%d@corp.test"}`, i, i)
	}
	body.WriteString("]}")
	d := &still{resources: []directory.Resource{{
		Type: directory.Group, ID: "g-1", Version: 1, Attributes: []byte(`{"displayName":"All"}`), Members: members[:1000], More: true,
	}}, members: members}
	b.Run("read", func(b *testing.B) {
		serve(b, newSiteOver(b, nil, nil, d), "GET", "/Groups/g-1", "", http.StatusOK)
	})
	b.Run("replace", func(b *testing.B) {
		serve(b, newSiteOver(b, nil, nil, d), "PUT", "/Groups/g-1", body.String(), http.StatusOK)
	})
}
