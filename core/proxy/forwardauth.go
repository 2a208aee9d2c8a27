package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/core/access"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Question is what another proxy asks about: may this request pass?
type Question struct {
	Method string
	Target string // path and query, as the client sent them
	Nginx  bool   // the asker knows 2xx, 401 and 403 only
}

// Asked reads the question from the headers of a trusted proxy: Traefik and
// Caddy send X-Forwarded-Method and -Uri, nginx is configured to send
// X-Original-Method and -URI. A client may have added the other pair to its own
// request, so two that differ are refused.
func Asked(h http.Header) (Question, error) {
	forwarded, err := pair(h, "X-Forwarded-Method", "X-Forwarded-Uri")
	if err != nil {
		return Question{}, err
	}
	original, err := pair(h, "X-Original-Method", "X-Original-Uri")
	if err != nil {
		return Question{}, err
	}
	q := forwarded
	switch {
	case forwarded == nil && original == nil:
		return Question{}, problem.New(problem.Invalid, "the question says neither method nor URI").
			WithHint("let the proxy send X-Forwarded-Method and X-Forwarded-Uri, or X-Original-Method and X-Original-URI")
	case forwarded != nil && original != nil && (forwarded.Method != original.Method || forwarded.Target != original.Target):
		return Question{}, problem.New(problem.Invalid, "X-Forwarded-Uri and X-Original-URI say different things").
			WithHint("let the proxy remove the pair that it does not set")
	case forwarded == nil:
		q = original
	}
	q.Nginx = original != nil
	for _, name := range overrides {
		if v := h[name]; len(v) > 0 && v[0] != "" && !strings.EqualFold(v[0], q.Method) {
			return Question{}, problem.New(problem.Invalid, "%s says another method than the request has", name).WithHint("remove the header")
		}
	}
	return *q, nil
}

// overrides are headers that some frameworks take the method or the path from,
// instead of from the request line that a rule was matched against. They are
// in the form of http.CanonicalHeaderKey.
var overrides = []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"}

func pair(h http.Header, method, target string) (*Question, error) {
	m, t := h[method], h[target]
	if len(m) == 0 && len(t) == 0 {
		return nil, nil //nolint:nilnil // no such question is no error
	}
	if len(m) != 1 || len(t) != 1 || m[0] == "" || t[0] == "" {
		return nil, problem.New(problem.Invalid, "%s and %s have to come together, each once", method, target)
	}
	return &Question{Method: strings.ToUpper(m[0]), Target: t[0]}, nil
}

// Allow answers yes: 200 with every header that the application is to see,
// empty where there is nothing, so that a client's own does not survive.
func (p *Proxy) Allow(w http.ResponseWriter, upstream int, id *access.Identity) {
	h := w.Header()
	h["Cache-Control"] = noStore
	p.upstreams[upstream].names.set(h, id)
	w.WriteHeader(http.StatusOK)
}

var noStore = []string{"no-store"}

// Refuse answers no. nginx turns everything but 401 and 403 into a 500, so it
// gets a 403 and the true status beside it, which its configuration answers
// with; and it drops the body of this answer, so the problem is in a header as
// well.
func Refuse(w http.ResponseWriter, err error, traceID string, nginx bool) {
	p := problem.As(err)
	status := p.Code.Status()
	if nginx {
		doc := p.Document(traceID)
		doc.Decision = w.Header().Get(problem.DecisionHeader)
		w.Header().Set("X-Gatehouse-Problem", headerText(doc))
	}
	if nginx && status != http.StatusUnauthorized && status != http.StatusForbidden {
		h := w.Header()
		h.Set("X-Gatehouse-Status", strconv.Itoa(status))
		if p.RetryAfter > 0 {
			h.Set("X-Gatehouse-Retry-After", problem.RetryAfterSeconds(p.RetryAfter))
		}
		w = &forced{ResponseWriter: w, status: http.StatusForbidden}
	}
	problem.Write(w, p, traceID)
}

// headerText is a document as one line of ASCII, as a header needs it.
func headerText(d problem.Document) string {
	text, _ := json.Marshal(d) // a struct of strings and an int always encodes
	var b strings.Builder
	for _, r := range string(text) {
		if r < utf8.RuneSelf {
			b.WriteRune(r) // encoding/json has escaped the controls
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// forced answers with its own status whatever is written.
type forced struct {
	http.ResponseWriter
	status int
}

func (f *forced) WriteHeader(int) { f.ResponseWriter.WriteHeader(f.status) }
