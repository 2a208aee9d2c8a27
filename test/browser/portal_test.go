//go:build linux

package browser_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// somebody is a person of the tests, as IdPs know them.
type somebody struct {
	name, email, subject string
	groups               []string
}

var (
	ada   = somebody{"Ada Lovelace", "ada@acme.example", "ada-1", []string{"Data"}}
	grace = somebody{"Grace Hopper", "grace@acme.example", "grace-2", nil}
)

// portal is the web site of a third party, whose plugin signs on with it: a page
// with people to choose from.
func portal(t *testing.T) gatehousetest.Portal {
	t.Helper()
	var p gatehousetest.Portal
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := p.URL + "?" + r.URL.RawQuery
		for _, who := range []somebody{ada, grace} {
			if r.URL.Path == "/as/"+who.subject {
				groups := append([]string{}, who.groups...)
				http.Redirect(w, r, p.Answer(asked, map[string]any{"sub": who.subject, "name": who.name, "email": who.email, "groups": groups}), http.StatusFound)
				return
			}
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		for _, who := range []somebody{ada, grace} {
			_, _ = fmt.Fprintf(w, `<p><a href="/as/%s?%s">%s</a></p>`, who.subject, html.EscapeString(r.URL.RawQuery), who.name)
		}
	}))
	t.Cleanup(server.Close)
	// By its name it is another site than the host, which is 127.0.0.1.
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	p = gatehousetest.NewPortal(t, "https://localhost:"+at.Port()+"/sign-on")
	return p
}
