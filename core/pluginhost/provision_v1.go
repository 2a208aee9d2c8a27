//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// The limits of what goes to a provisioner and comes from one.
const (
	mountLimit  = 64
	targetLimit = 64 << 10
	fieldLimit  = 8 << 10 // bytes of one header field
	fieldsMost  = 32
	noteLimit   = 64
	detailLimit = 512
	passCursor  = 64 << 10 // bytes of a cursor of Sync
)

// Provisioner says how an IdP reaches the instances of a kind, or they the IdP.
type Provisioner struct {
	Mount  string // the path that requests begin with, such as "/scim/v2"; "" is none
	Errors provision.ErrorForm
	Pulls  bool // Host.Sync asks
}

// mountForm is a clean absolute path, without anything that a router reads.
var mountForm = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)

func provisionerV1(p *basev1.Provisioner) (*Provisioner, error) {
	out := &Provisioner{Mount: p.GetMount(), Errors: provision.ErrorForm(p.GetErrors()), Pulls: p.GetPulls()}
	switch {
	case out.Mount == "" && !out.Pulls:
		return nil, errors.New("it is a provisioner that is neither asked nor asks")
	case out.Mount == "" && out.Errors != "":
		return nil, errors.New("it has a form of errors, and no mount")
	case out.Mount == "":
		return out, nil
	case len(out.Mount) > mountLimit || !mountForm.MatchString(out.Mount) || path.Clean(out.Mount) != out.Mount:
		return nil, fmt.Errorf("its mount is not a clean path of %d bytes at most, such as /scim/v2", mountLimit)
	case out.Errors != provision.SCIMErrors && out.Errors != provision.ProblemDetails:
		return nil, errors.New("its form of errors is unknown")
	}
	return out, nil
}

var methodForm = regexp.MustCompile(`^[A-Z]{1,16}$`)

// toPlugin are the header fields that a provisioner gets. No other is known to be
// no credential, and none to say anything that it could need.
var toPlugin = []string{
	"Accept", "Accept-Language", "Content-Type", "If-Match", "If-Modified-Since", "If-None-Match", "If-Unmodified-Since", "Prefer", "User-Agent",
}

// beginV1 is a request without its body.
func beginV1(r HTTPRequest) (*provisionv1.HandleBegin, error) {
	switch {
	case !methodForm.MatchString(r.Method):
		return nil, problem.New(problem.Invalid, "the request's method is none")
	case !strings.HasPrefix(r.Target, "/") || !utf8.ValidString(r.Target):
		return nil, problem.New(problem.Invalid, "the request's path or query is not in UTF-8")
	case len(r.Target) > targetLimit:
		return nil, problem.New(problem.TooLarge, "the request's path and query are longer than %d bytes", targetLimit)
	}
	out := &provisionv1.HandleBegin{Method: r.Method, Target: r.Target, BaseUrl: r.BaseURL}
	for _, name := range toPlugin {
		field := &provisionv1.Header{Name: name}
		size := 0
		for _, value := range r.Header.Values(name) {
			size += len(value)
			field.Values = append(field.Values, strings.ToValidUTF8(value, "?"))
		}
		if size > fieldLimit {
			return nil, problem.New(problem.TooLarge, "the request's %s is longer than %d bytes", name, fieldLimit)
		}
		if len(field.Values) > 0 {
			out.Headers = append(out.Headers, field)
		}
	}
	return out, nil
}

// fromPlugin are the header fields of an answer that are handed on. The rest
// concerns the connection, the browser or the origin, which are the host's.
var fromPlugin = []string{
	"Allow", "Cache-Control", "Content-Location", "Content-Type", "Etag", "Last-Modified", "Location", "Retry-After", "Vary",
}

// answerV1 checks an answer without its body.
func answerV1(a *provisionv1.HandleAnswer, baseURL string) (*HTTPResponse, error) {
	if a.GetStatus() < 200 || a.GetStatus() > 599 {
		return nil, fmt.Errorf("its status is %d", a.GetStatus())
	}
	if err := checkCount("header fields", len(a.GetHeaders()), fieldsMost); err != nil {
		return nil, err
	}
	out := &HTTPResponse{Status: int(a.GetStatus()), Header: http.Header{}}
	for _, field := range a.GetHeaders() {
		name := http.CanonicalHeaderKey(field.GetName())
		if !slices.Contains(fromPlugin, name) {
			continue
		}
		if len(field.GetValues()) != 1 || len(out.Header[name]) > 0 {
			return nil, fmt.Errorf("its %s has not one value", name)
		}
		if err := checkField(name, field.GetValues()[0], baseURL); err != nil {
			return nil, err
		}
		out.Header.Set(name, field.GetValues()[0])
	}
	if body := a.GetBody(); out.Header.Get("Content-Type") == "" && (len(body.GetData()) > 0 || !body.GetLast()) {
		out.Header.Set("Content-Type", "application/octet-stream") // else what it is would be guessed, as a page perhaps
	}
	var err error
	out.Notes, err = notesV1(a.GetNotes())
	return out, err
}

func checkField(name, value, baseURL string) error {
	if err := checkLine("its "+name, value, fieldLimit); err != nil {
		return err
	}
	switch name {
	case "Location", "Content-Location":
		return checkLocation(name, value, baseURL)
	case "Content-Type":
		return checkMedia(value)
	}
	return nil
}

// checkLocation refuses to send anybody elsewhere than below the mount.
func checkLocation(name, value, baseURL string) error {
	u, err := url.Parse(value)
	base, baseErr := url.Parse(baseURL)
	if err != nil || baseErr != nil || u.User != nil || u.Scheme != base.Scheme || u.Host != base.Host ||
		u.Path != base.Path && !strings.HasPrefix(u.Path, base.Path+"/") || strings.Contains(value, `\`) || path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") {
		return fmt.Errorf("its %s is not below the mount", name)
	}
	return nil
}

// checkMedia refuses what a browser would run on the application's origin.
func checkMedia(value string) error {
	media, _, err := mime.ParseMediaType(value)
	if err != nil || media != "application/json" && media != "text/plain" &&
		(!strings.HasPrefix(media, "application/") || !strings.HasSuffix(media, "+json")) {
		return errors.New("its Content-Type is neither a form of JSON nor text/plain")
	}
	return nil
}

var ruleForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

func notesV1(in []*provisionv1.Note) ([]provision.Note, error) {
	if err := checkCount("notes", len(in), noteLimit); err != nil {
		return nil, err
	}
	var out []provision.Note
	for _, n := range in {
		if !ruleForm.MatchString(n.GetRule()) {
			return nil, errors.New("the rule of a note is not of letters, digits and dashes")
		}
		if err := checkText("the detail of a note", n.GetDetail(), 0, detailLimit); err != nil {
			return nil, err
		}
		out = append(out, provision.Note{Rule: n.GetRule(), Detail: n.GetDetail()})
	}
	return out, nil
}

// synced is what became of a part of a pass.
type synced struct {
	progress provision.Progress
	notes    []provision.Note
}

func (p *process) sync(ctx context.Context, name, organization, cursor string) (synced, error) {
	if len(cursor) > passCursor {
		return synced{}, problem.New(problem.Internal, "a cursor of %d bytes was to be passed on, %d can be", len(cursor), passCursor)
	}
	call, end, err := p.call(ctx, name, organization)
	if err != nil {
		return synced{}, err
	}
	defer end()
	r, err := provisionv1.NewProvisionerServiceClient(p.conn).Sync(ctx, &provisionv1.SyncRequest{Call: call, Cursor: cursor})
	if err != nil {
		return synced{}, p.passFailure(ctx, err)
	}
	out, err := syncedV1(r, cursor)
	if err != nil {
		return synced{}, p.lied("Sync", err)
	}
	return out, nil
}

func syncedV1(r *provisionv1.SyncResponse, before string) (synced, error) {
	switch {
	case len(r.GetCursor()) > passCursor:
		return synced{}, fmt.Errorf("its cursor is %d bytes, %d are allowed", len(r.GetCursor()), passCursor)
	case r.GetDone() && r.GetCursor() != "":
		return synced{}, errors.New("it is done, and has a cursor to go on from")
	case !r.GetDone() && (r.GetCursor() == "" || r.GetCursor() == before):
		return synced{}, errors.New("it is not done, and has no cursor to go on from")
	}
	notes, err := notesV1(r.GetNotes())
	return synced{progress: provision.Progress{Cursor: r.GetCursor(), Done: r.GetDone()}, notes: notes}, err
}
