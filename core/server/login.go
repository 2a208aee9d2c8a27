package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// login is where to send the browser of somebody who has not signed on, "" where
// the answer is a refusal: to a program, to a script of a page, and while nobody
// can sign on.
func (s *Server) login(t turn, method string, h http.Header, target string, err error) string {
	if s.SignOn == nil || !problem.Is(err, problem.Unauthenticated) && !problem.Is(err, problem.Expired) || !navigates(method, h) || !s.SignOn.Open() {
		return ""
	}
	path := "/login"
	if !t.ShortRoutes {
		path = own + path
	}
	return path + "?" + url.Values{"return_to": {target}}.Encode()
}

// navigates reports whether a person opens a page (Fetch Metadata: a navigation),
// with no credential of a program beside it. A browser of before 2023 does not
// say so: of it, what it accepts counts.
func navigates(method string, h http.Header) bool {
	if method != http.MethodGet && method != http.MethodHead || len(h["Authorization"]) > 0 {
		return false
	}
	if mode := h.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	return strings.Contains(h.Get("Accept"), "text/html")
}

// sendOn sends a browser to a path of this host. What was refused is not kept by
// anybody in between: after the sign-on it is another answer.
func sendOn(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
}
