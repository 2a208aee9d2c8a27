// Package admin is the Go client of the admin API, and the shapes of what goes
// over it. Times are RFC 3339, durations as Go writes them, names snake_case.
//
// A host is reached over its local socket, or by URL with an admin token. What
// the host refuses comes back as an *Error, in which problem.As finds the code,
// the detail and the hint.
package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Prefix is what the paths of the admin API begin with.
const Prefix = "/api/admin/v1"

// The files of a host that listens locally, in its data folder.
const (
	SocketName = "admin.sock"
	TokenName  = "admin.token" // beside the socket; the credential of those who may read it
)

// answerLimit bounds what is read of an answer, in bytes.
const answerLimit = 16 << 20

// callLimit bounds one call whose context has no earlier end. A new key waits
// for a plugin, which may be restarting.
const callLimit = 30 * time.Second

// tokenFileLimit is the longest token file that is read, in bytes.
const tokenFileLimit = 4 << 10

// Options say where the host is: either Socket, or URL and Token.
type Options struct {
	Socket string // path of the local socket; the token file stands beside it
	URL    string // such as "https://app.example.com"; http only on this machine
	Token  secret.Text
	TLS    *tls.Config // for URL; nil is Go's default
}

// Host calls the admin API of one host. Its methods may be called by many
// goroutines.
type Host struct {
	base  string
	token secret.Text
	once  string // idempotency key
	http  *http.Client
}

// Once returns the same host, of which one request is to be made: with the same
// key within 24 hours it is done once, however often it is sent. The repetition
// of one that makes a secret is a Problem (Conflict), since the secret was not
// kept. The key is 1 to 255 visible ASCII characters or spaces, without
// quotation marks and backslashes.
func (h *Host) Once(key string) *Host {
	again := *h
	again.once = key
	return &again
}

// Dial returns a Host. Over a socket it finds out whether a host listens
// there: the error is a Problem (Unavailable) if none does. Over a URL nothing
// is sent before the first call.
func Dial(ctx context.Context, o Options) (*Host, error) {
	if o.Socket != "" {
		return dialSocket(ctx, o.Socket)
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, problem.New(problem.Invalid, "the URL of the host is not one").WithHint("such as https://app.example.com")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) {
		return nil, problem.New(problem.Invalid, "an admin token is not sent to %s://%s", u.Scheme, u.Host).
			WithHint("use https; http only to this machine")
	}
	if o.Token == "" {
		return nil, problem.New(problem.Unauthenticated, "there is no admin token for %s", u.Host).
			WithHint("make one on the host: gatehouse admin token create")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = o.TLS
	return newClient(strings.TrimSuffix(u.String(), "/"), o.Token, transport), nil
}

func dialSocket(ctx context.Context, path string) (*Host, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	conn, err := dial(ctx, "", "")
	if err != nil {
		return nil, problem.Wrap(err, problem.Unavailable, "no host listens at %s", path).WithHint("start one: gatehouse serve, or gatehouse dev")
	}
	if err := conn.Close(); err != nil {
		return nil, err
	}
	token, err := readToken(filepath.Join(filepath.Dir(path), TokenName))
	if err != nil {
		return nil, err
	}
	return newClient("http://localhost", token, &http.Transport{DialContext: dial, DisableKeepAlives: true}), nil
}

func newClient(base string, token secret.Text, t http.RoundTripper) *Host {
	return &Host{base: base, token: token, http: &http.Client{
		Transport: t, Timeout: callLimit,
		// The token goes to the host that was named, and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// readToken reads the token of the local socket.
func readToken(path string) (secret.Text, error) {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > tokenFileLimit) {
		err = errors.New("not a token file")
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return "", problem.Wrap(err, problem.Unauthenticated, "the token of the local socket cannot be read: %s", path).
			WithHint("run the command as the user that the host runs as")
	}
	return secret.Text(strings.TrimSpace(string(text))), nil
}

func local(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// Error is what the host answered instead of what was asked for.
type Error struct {
	Problem *problem.Problem
	TraceID string // joins it to the host's log

	// Report is what is wrong with a configuration that was refused, for people.
	Report string

	// Mistakes are what is wrong with keys that were not imported.
	Mistakes []ImportMistake
}

// Error implements error.
func (e *Error) Error() string {
	if e.TraceID == "" {
		return e.Problem.Error()
	}
	return fmt.Sprintf("%s (trace id %s)", e.Problem.Error(), e.TraceID)
}

// Unwrap gives the Problem to problem.As and problem.Is.
func (e *Error) Unwrap() error { return e.Problem }
