package pluginhost_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// serveProvisioner is a plugin whose requests say what it does.
func serveProvisioner(folder string) {
	plugin.Serve(plugin.Plugin{
		Name: "provisioner", Version: "1", HostServices: []string{hostsvc.DirectoryService},
		Provisioners: []provision.Kind{
			{
				Name: "push", Doc: "It is pushed to.", Mount: "/push", Errors: provision.SCIMErrors,
				New: func(_ context.Context, c instance.Config) (any, diag.Diagnostics) { return newPusher(c, folder), nil },
			},
			{
				Name: "pull", Doc: "It pulls.", Pulls: true,
				New: func(context.Context, instance.Config) (any, diag.Diagnostics) { return puller{}, nil },
			},
		},
	})
}

// pusher does what the path of a request says.
type pusher struct {
	*http.ServeMux
	config instance.Config
	folder string

	mu   sync.Mutex
	kept context.Context //nolint:containedctx // of a call that is over
}

func newPusher(c instance.Config, folder string) *pusher {
	p := &pusher{ServeMux: http.NewServeMux(), config: c, folder: folder}
	p.HandleFunc("/echo", p.echo)
	p.HandleFunc("/large", p.large)
	p.HandleFunc("/sum", p.sum)
	p.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) })
	p.HandleFunc("/create", p.create)
	p.HandleFunc("/find", p.find)
	p.HandleFunc("/keep", p.keep)
	p.HandleFunc("/use", p.use)
	p.HandleFunc("/hang", p.hang)
	p.HandleFunc("/drip", p.drip)
	p.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { p.count("deaths"); os.Exit(9) })
	p.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("secret-in-panic") })
	p.HandleFunc("/answer", p.answer)
	return p
}

func (p *pusher) count(what string) {
	leave(p.folder, fmt.Sprintf("%s-%d", what, time.Now().UnixNano()), "")
}

// echo tells what came.
func (p *pusher) echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/scim+json")
	w.Header().Set("Set-Cookie", "a=b")
	w.Header().Set("ETag", `W/"1"`)
	provision.Record(r.Context(), provision.Note{Rule: "echoed", Detail: "It was echoed."})
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "uri": r.RequestURI, "path": r.URL.Path, "query": r.URL.RawQuery, "header": r.Header, "length": r.ContentLength,
		"body": string(body), "failed": err != nil, "base": provision.BaseURL(r.Context()), "host": r.Host, "instance": p.config.Name, "provider": p.config.Provider,
	})
}

func (p *pusher) large(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.URL.Query().Get("n"))
	w.Header().Set("Content-Type", "text/plain")
	for i := 0; n > 0; i++ {
		text := fmt.Sprintf("%09d\n", i)[:min(n, 10)]
		n -= len(text)
		if _, err := io.WriteString(w, text); err != nil {
			p.count("unsent")
			return
		}
	}
	if r.URL.Query().Has("die") {
		time.Sleep(50 * time.Millisecond)
		os.Exit(9)
	}
	if r.URL.Query().Has("panic") {
		panic("in the middle")
	}
}

// sum tells how much came and whether it is what large makes.
func (*pusher) sum(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	_, _ = fmt.Fprint(w, n, " ", err)
}

func (p *pusher) create(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	out, err := p.config.Host.Apply(r.Context(), []directory.Change{
		directory.Create{Resource: directory.Resource{Type: directory.User, ID: directory.NewID(), Attributes: body}},
	})
	report(w, out, err)
}

func (p *pusher) find(w http.ResponseWriter, r *http.Request) {
	page, err := p.config.Host.Find(r.Context(), directory.Query{Type: directory.User, Limit: 1, Filter: &directory.Filter{
		Op: directory.Equal, Path: directory.Path{"userName"}, Value: "bjensen@example.com",
	}})
	report(w, page, err)
}

// keep keeps the context of its call, and use asks with it in another.
func (p *pusher) keep(_ http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept = context.WithoutCancel(r.Context())
}

func (p *pusher) use(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	page, err := p.config.Host.Find(p.kept, directory.Query{Type: directory.User, Limit: 10})
	report(w, page, err)
}

func report(w http.ResponseWriter, answer any, err error) {
	w.Header().Set("Content-Type", "application/json")
	var p *problem.Problem
	if errors.As(err, &p) {
		w.WriteHeader(p.Code.Status())
		answer = p.Detail
	} else if err != nil {
		w.WriteHeader(500)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (p *pusher) hang(_ http.ResponseWriter, r *http.Request) {
	p.count("hanging")
	<-r.Context().Done()
	p.count("cancelled")
}

// drip begins an answer and waits.
func (p *pusher) drip(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "drop")
	w.(http.Flusher).Flush()
	p.hang(w, r)
}

// answer answers with the header that the query asks for.
func (*pusher) answer(w http.ResponseWriter, r *http.Request) {
	for name, values := range r.URL.Query() {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if r.URL.Query().Has("nothing") {
		w.WriteHeader(http.StatusNoContent)
	}
}

// puller goes on as its cursor says.
type puller struct{}

func (puller) Sync(ctx context.Context, cursor string) (provision.Progress, error) {
	provision.Record(ctx, provision.Note{Rule: "page", Detail: cursor})
	switch cursor {
	case "":
		return provision.Progress{Cursor: "2"}, nil
	case "2":
		return provision.Progress{Done: true}, nil
	case "stuck":
		return provision.Progress{Cursor: "stuck"}, nil
	}
	code := problem.Unavailable
	switch cursor {
	case "gone":
		code = problem.Changed
	case "forbidden":
		code = problem.Forbidden
	}
	return provision.Progress{}, problem.New(code, "the IdP does not\x1b[2J answer").WithHint("look there").WithRetryAfter(48 * time.Hour)
}

// directories are one for each connection.
type directories struct {
	mu      sync.Mutex
	all     map[string]*plugintest.Directory
	callers []pluginhost.Caller
}

func (d *directories) of(at pluginhost.Caller) *plugintest.Directory {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.callers = append(d.callers, at)
	connection, _, _ := strings.Cut(at.Instance, "/")
	if d.all == nil {
		d.all = map[string]*plugintest.Directory{}
	}
	if d.all[connection] == nil {
		d.all[connection] = plugintest.NewDirectory()
	}
	return d.all[connection]
}

func (d *directories) Find(ctx context.Context, at pluginhost.Caller, q directory.Query) (directory.Page, error) {
	return d.of(at).Find(ctx, q)
}

func (d *directories) Members(ctx context.Context, at pluginhost.Caller, group, after string, limit int) ([]directory.Member, bool, error) {
	return d.of(at).Members(ctx, group, after, limit)
}

func (d *directories) Apply(ctx context.Context, at pluginhost.Caller, changes []directory.Change) ([]directory.Outcome, error) {
	return d.of(at).Apply(ctx, changes)
}

func (h *hostUnderTest) left(pattern string) int {
	found, _ := filepath.Glob(filepath.Join(h.folder, pattern+"-*"))
	return len(found)
}
