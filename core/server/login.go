package server

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// login is where to send the browser of somebody who has not signed on, "" where
// the answer is a refusal: to a program, to a script of a page, and while nobody
// can sign on.
func (s *Server) login(t turn, method string, h http.Header, target string, err error) string {
	var step *access.StepUp
	more := errors.As(err, &step)
	if s.SignOn == nil || !more && !problem.Is(err, problem.Unauthenticated) && !problem.Is(err, problem.Expired) || !navigates(method, h) || !s.SignOn.Open() {
		return ""
	}
	q := url.Values{"return_to": {target}}
	if more && step.MultiFactor {
		q.Set("mfa", "1")
	}
	if more && step.MaxAge > 0 {
		q.Set("max_age", seconds(step.MaxAge))
	}
	path := "/login"
	if !t.ShortRoutes {
		path = own + path
	}
	return path + "?" + q.Encode()
}

// seconds is max_age of OpenID Connect Core §3.1.2.1 and RFC 9470 §4.
func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

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
