package admin

import (
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-id/gatehouse/core/credential"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// call is one authenticated request.
type call struct {
	*http.Request
	actor  actor
	trace  string
	header http.Header // of the answer, if it is one of success
}

func (c *call) by() credential.By {
	return credential.By{Actor: c.actor.name, TraceID: c.trace, Within: c.actor.organization}
}

// handler serves the API to those whom who lets in. Whom it does not know learns
// nothing, not even which paths there are.
func (a *API) handler(who authenticate) http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, rt := range routes() {
		methods[rt.path] = append(methods[rt.path], rt.method)
		mux.HandleFunc(rt.method+" "+wire.Prefix+rt.path, func(w http.ResponseWriter, r *http.Request) {
			c := r.Context().Value(callKey{}).(*call)
			c.Request = r // the one that has the path's values
			a.serve(w, c, rt)
		})
	}
	for at, allowed := range methods {
		mux.HandleFunc(wire.Prefix+at, func(w http.ResponseWriter, r *http.Request) {
			a.wrongMethod(w, r, allowed)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { a.refuse(w, r, nothingHere()) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == wire.Prefix+documentPath {
			a.serveDocument(w, r)
			return
		}
		actor, err := who(r)
		if err == nil && (path.Clean(r.URL.Path) != r.URL.Path || strings.Contains(r.URL.EscapedPath(), "%")) {
			err = nothingHere() // the mux would redirect to what it thinks was meant
		}
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		mux.ServeHTTP(w, withCall(r, &call{actor: actor, trace: a.TraceID(r.Header), header: http.Header{}}))
	})
}

func nothingHere() error {
	return problem.New(problem.NotFound, "the admin API has nothing at this path").WithHint("its paths begin with %s", wire.Prefix)
}

func (a *API) wrongMethod(w http.ResponseWriter, r *http.Request, allowed []string) {
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(slices.Clone(allowed), http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	p := problem.New(problem.Invalid, "this path does not take %s", quoted(r.Method)).WithHint("it takes %s", strings.Join(allowed, ", "))
	a.refuseAs(w, r, http.StatusMethodNotAllowed, p)
}

func (a *API) serve(w http.ResponseWriter, c *call, rt route) {
	key := ""
	err := c.actor.may(rt.permission)
	if err == nil {
		err = c.actor.reaches(rt.reach)
	}
	if err == nil {
		err = checkContentType(c.Request, rt.mediaType())
	}
	if err == nil && !rt.pages() {
		err = checkNoQuery(c.URL.RawQuery)
	}
	if err == nil && rt.keyed() {
		key, err = idempotencyKey(c.Request)
	}
	if err != nil {
		a.refuse(w, c.Request, err)
		return
	}
	limit := int64(bodyLimit)
	if rt.permission == WriteConfig {
		limit = configLimit
	}
	c.Body = http.MaxBytesReader(w, c.Body, limit)
	var status int
	var body any
	if key != "" {
		status, body, err = a.once(c, rt, key)
	} else {
		status, body, err = rt.answer(a, c)
	}
	if err != nil {
		a.refuse(w, c.Request, err)
		return
	}
	maps.Copy(w.Header(), c.header)
	if run, ok := body.(streamed); ok {
		a.stream(w, c, status, run)
		return
	}
	a.write(w, status, body)
}
