package signon

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/core/session"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// People sign on at the public host, the one that IdPs know. Somebody who comes to
// another host of the configuration is sent there, and back with a code that gives
// that host a session of its own: the cookie of one is never another's. The code is
// for one browser, the one that came to the other host and has a cookie of there, so
// that whoever follows a stranger's link is not signed on as the stranger, nor the
// stranger as them. It counts once, and for the time of a redirect.

// handoverPath is where a host asks the public one for a session, and gets it. No
// connection has it: what is a connection's has a part after its label.
const handoverPath = "/sso/handover"

// handoverCookie tells a browser that came to another host. With the prefix no other
// host can plant one (RFC 6265bis §4.1.3.2).
const handoverCookie = "__Host-gatehouse-handover"

// handoverLife is how long a code counts.
const handoverLife = time.Minute

// handover is what a code says. It is sealed.
type handover struct {
	ID         string    `json:"i"` // it counts once
	Session    string    `json:"s"` // at the public host
	Connection string    `json:"c"`
	Instance   string    `json:"a"`
	Host       string    `json:"h"`           // that it is for, or came from
	Browser    string    `json:"b,omitempty"` // see browserOf
	Return     string    `json:"t,omitempty"`
	Until      time.Time `json:"u"`
}

// What a code is for: one for signing on does not sign anybody out.
const (
	toSignOn  = "handover"
	toSignOut = "handover of a sign-out"
)

// home is the name of the public host.
func (s *SignOn) home() string { return strings.ToLower(s.base().Hostname()) }

func (s *SignOn) base() *url.URL {
	u, err := url.Parse(s.Base())
	if err != nil {
		return &url.URL{} // the configuration's was read from an address
	}
	return u
}

// baseAt is what the addresses at a host of the configuration begin with: they differ
// from the public one's by the name only.
func (s *SignOn) baseAt(host string) (string, bool) {
	if !slices.Contains(s.Hosts(), host) {
		return "", false
	}
	u := s.base()
	if port := u.Port(); port != "" {
		u.Host = net.JoinHostPort(host, port)
	} else {
		u.Host = host
	}
	return u.String(), true
}

// sendHome has somebody who came to another host sign on at the public one.
func (s *SignOn) sendHome(w http.ResponseWriter, r *http.Request, host string, q url.Values) {
	path := s.base().Path + handoverPath
	if strings.HasPrefix(q.Get("return_to"), path) {
		s.astray(w, r, host)
		return
	}
	browser, err := s.browser(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	asked := url.Values{"host": {host}, "browser": {browser}}
	if to := local(q.Get("return_to")); to != "/" {
		asked.Set("return_to", to)
	}
	if local(path+"?"+asked.Encode()) == "/" {
		asked.Del("return_to") // it is too long; they are signed on all the same
	}
	next := handoverPath + "?" + asked.Encode()
	wished := url.Values{}
	for _, name := range []string{"connection", "organization", "authenticator", "email", "mfa", "max_age"} {
		if q.Get(name) != "" {
			wished.Set(name, q.Get(name))
		}
	}
	if len(wished) > 0 {
		wished.Set("return_to", path+"?"+asked.Encode())
		next = LoginPath + "?" + wished.Encode()
	}
	s.forward(w, r, authn.Begun{URL: s.Base() + next})
}

// astray stops what would go round in a circle: somebody was sent to the public host,
// and comes by the name of another.
func (s *SignOn) astray(w http.ResponseWriter, r *http.Request, host string) {
	s.fail(w, r, problem.New(problem.Unavailable, "the browser was sent to %s, and its request arrived as one to %s", s.home(), host).
		WithHint("the proxy in front has to pass on the Host header, or be one of trusted_proxies and send X-Forwarded-Host"))
}

// handOver gives a host that asks for it a session of whoever has one here, or lets
// them sign on first. At the other host, it takes it.
func (s *SignOn) handOver(w http.ResponseWriter, r *http.Request) {
	q, at := r.URL.Query(), s.Host(r)
	switch {
	case at != s.home() && q.Has("host"):
		s.astray(w, r, at)
		return
	case at != s.home():
		s.takeOver(w, r, at, q.Get("code"))
		return
	}
	to, known := s.baseAt(q.Get("host"))
	if sum, err := base64.RawURLEncoding.DecodeString(q.Get("browser")); !known || err != nil || len(sum) != sha256.Size {
		s.fail(w, r, problem.New(problem.Invalid, "this is no address that one of this service's hosts leads to").WithHint("open the application, and sign on there"))
		return
	}
	had, ok := s.had(r)
	if !ok {
		leadTo(w, ".."+LoginPath+"?"+url.Values{"return_to": {s.base().Path + handoverPath + "?" + q.Encode()}}.Encode())
		return
	}
	code, err := s.code(toSignOn, handover{
		Session: had.ID, Connection: had.Connection, Instance: had.Instance, Host: q.Get("host"), Browser: q.Get("browser"), Return: local(q.Get("return_to")),
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.forward(w, r, authn.Begun{URL: to + handoverPath + "?" + url.Values{"code": {code}}.Encode()})
}

// takeOver gives a browser the session that the public host has handed over.
func (s *SignOn) takeOver(w http.ResponseWriter, r *http.Request, at, code string) {
	h, err := s.opened(r, toSignOn, code)
	if err == nil && (h.Host != at || !secret.Text(h.Browser).Equal(secret.Text(browserOf(r)))) {
		err = authn.Deny("not_begun_here", "the code is for another browser, or for host %s", h.Host)
	}
	if err == nil {
		err = s.counts(r, h)
	}
	var token secret.Text
	if err == nil {
		had, _ := s.had(r)
		_, token, err = s.Sessions.Share(r.Context(), session.By{Actor: "connection:" + h.Connection, TraceID: tracing.ID(r.Context())},
			session.Share{Of: h.Session, Host: at, Before: had.ID})
	}
	var denied *authn.Denied
	switch {
	case errors.As(err, &denied):
		s.Seen(h.Connection, outcome(denied))
		if c, ok := s.connection(h.Connection); ok {
			s.refused(r, c, Authenticator{Instance: h.Instance}, denied)
		}
		s.deny(w, r, denied)
	case problem.Is(err, problem.Unauthenticated): // it has ended on the way
		leadTo(w, ".."+LoginPath+"?"+url.Values{"return_to": {h.Return}}.Encode())
	case err != nil:
		s.fail(w, r, err)
	default:
		session.SetCookie(w.Header(), token)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		http.Redirect(w, r, local(h.Return), http.StatusSeeOther)
	}
}

// code makes a code.
func (s *SignOn) code(use string, h handover) (code string, err error) {
	if h.ID, err = secret.NewID(s.Random, "H", relayLength-1); err != nil {
		return "", err
	}
	h.Until = s.Clock().Add(handoverLife)
	plain, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	sealed, err := s.Sealer.Seal(keyring.SignOn, []byte(use), plain)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// opened reads a code. What we have not made, or long ago, is refused without a
// record: anybody can send that.
func (s *SignOn) opened(r *http.Request, use, code string) (h handover, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(code)
	var plain []byte
	if err == nil {
		plain, err = s.Sealer.Unseal(keyring.SignOn, []byte(use), sealed)
	}
	if err == nil {
		err = json.Unmarshal(plain, &h)
	}
	if err != nil || !s.Clock().Before(h.Until) {
		s.Logger.InfoContext(r.Context(), "a code of a hand-over counts for nothing", "trace_id", tracing.ID(r.Context()))
		return handover{}, authn.Deny("not_begun_here", "the code is none of ours, or is over")
	}
	return h, nil
}

// counts takes a code, which counts once.
func (s *SignOn) counts(r *http.Request, h handover) error {
	first, err := s.Once.Take(r.Context(), h.Instance, toSignOn, h.ID, h.Until.Add(time.Minute))
	if err == nil && !first {
		err = authn.Deny("answered_before", "this code was used before")
	}
	return err
}

// browser gives a browser the cookie that tells it, unless it has one, and returns
// what others may know of it.
func (s *SignOn) browser(w http.ResponseWriter, r *http.Request) (string, error) {
	if had := browserOf(r); had != "" {
		return had, nil
	}
	value, err := secret.NewID(s.Random, "B", relayLength-1)
	if err != nil {
		return "", err
	}
	http.SetCookie(w, &http.Cookie{
		Name: handoverCookie, Value: value, Path: "/", MaxAge: int(flowLife / time.Second), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return digestOf(value), nil
}

// browserOf is what others may know of a browser: the digest of its cookie, "" where
// it has none.
func browserOf(r *http.Request) string {
	c, err := r.Cookie(handoverCookie)
	if err != nil || len(c.Value) != relayLength {
		return ""
	}
	return digestOf(c.Value)
}

func digestOf(value string) string {
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
