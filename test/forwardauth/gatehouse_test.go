//go:build linux

package forwardauth_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// credential is a client's id and secret.
type credential struct{ id, secret string }

// gatehouse is what the tests know of the one that they run against.
type gatehouse struct {
	url      string // also its public_url
	audience string

	reader credential // may do everything but what needs policy:write
	busy   credential // is answered 503 with Retry-After: 7

	// questions returns, and forgets, what /auth/check was asked: method and
	// URI. Nil where nobody can tell.
	questions func() []string
}

// startGatehouse starts one with these rules: /healthz and /open/** are
// public, /api/v1/admin/* needs policy:write.
func startGatehouse(t *testing.T) gatehouse {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: "k1"}},
		(&jose.SignerOptions{}).WithType("gatehouse+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	c := &checker{signer: signer}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=300")
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "k1"}}})
	})
	mux.Handle("/auth/check", c)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c.issuer = server.URL
	return gatehouse{
		url: server.URL, audience: "app", questions: c.asked,
		reader: credential{"my-tenant", "right"}, busy: credential{"busy", "right"},
	}
}

// checker answers /auth/check as the design page describes it.
type checker struct {
	issuer string
	signer jose.Signer

	mu        sync.Mutex
	questions []string
}

func (c *checker) asked() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.questions
	c.questions = nil
	return q
}

var identityHeaders = []string{
	"X-Gatehouse-Subject", "X-Gatehouse-Kind", "X-Gatehouse-Organization", "X-Gatehouse-Roles", "X-Gatehouse-Assertion",
}

func (c *checker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	original, forwarded := r.Header.Get("X-Original-URI"), r.Header.Get("X-Forwarded-Uri")
	isNginx := original != ""
	method, uri := r.Header.Get("X-Forwarded-Method"), forwarded
	if isNginx {
		method, uri = r.Header.Get("X-Original-Method"), original
	}
	if (original != "") == (forwarded != "") || method == "" || r.Header.Get("Forwarded") != "" || r.ContentLength > 0 {
		refuse(w, isNginx, problem.New(problem.Invalid, "the question has none or two forms, or a body"))
		return
	}
	c.mu.Lock()
	c.questions = append(c.questions, method+" "+uri)
	c.mu.Unlock()

	path, _, _ := strings.Cut(uri, "?")
	id, secret := r.Header.Get("X-Client-Id"), r.Header.Get("X-Client-Secret")
	switch {
	case strings.HasSuffix(uri, "?bare"): // a public route, and an answer without the empty headers
		return
	case path == "/healthz" || strings.HasPrefix(path, "/open/"):
		for _, name := range identityHeaders {
			w.Header().Set(name, "")
		}
	case id == "" && strings.Contains(r.Header.Get("Accept"), "text/html"):
		redirect(w, isNginx, "/login?return="+path)
	case id == "" || secret != "right":
		refuse(w, isNginx, problem.New(problem.Unauthenticated, "no client with this id and secret").WithHint("send X-Client-Id and X-Client-Secret"))
	case id == "busy":
		refuse(w, isNginx, problem.New(problem.Unavailable, "a plugin is starting").WithRetryAfter(7*time.Second))
	case strings.HasPrefix(path, "/api/v1/admin/"):
		refuse(w, isNginx, problem.New(problem.Forbidden, "the permission policy:write is missing").WithPermission("policy:write"))
	default:
		c.admit(w, id)
	}
}

func (c *checker) admit(w http.ResponseWriter, id string) {
	now := time.Now().Unix()
	token, err := jwt.Signed(c.signer).Claims(map[string]any{
		"iss": c.issuer, "aud": "app", "sub": id, "kind": "client", "org": "acme", "client": id,
		"roles": []string{"analyst", "viewer"}, "iat": now, "exp": now + 60,
	}).Serialize()
	if err != nil {
		problem.Write(w, err, "")
		return
	}
	for i, value := range []string{id, "client", "acme", "analyst,viewer", token} {
		w.Header().Set(identityHeaders[i], value)
	}
}

// refuse answers nginx with 401 or 403 and what it stands for, others as it is.
func refuse(w http.ResponseWriter, isNginx bool, p *problem.Problem) {
	if p.Code == problem.Unauthenticated {
		w.Header().Set("WWW-Authenticate", `Basic realm="gatehouse"`)
	}
	if !isNginx {
		problem.Write(w, p, "trace-1")
		return
	}
	text, err := json.Marshal(p.Document("trace-1"))
	if err != nil {
		problem.Write(w, err, "trace-1")
		return
	}
	h := w.Header()
	h.Set("X-Gatehouse-Problem", string(bytes.TrimSpace(text)))
	status := p.Code.Status()
	if status != http.StatusUnauthorized && status != http.StatusForbidden {
		h.Set("X-Gatehouse-Status", strconv.Itoa(status))
		status = http.StatusForbidden
	}
	if p.RetryAfter > 0 {
		h.Set("X-Gatehouse-Retry-After", problem.RetryAfterSeconds(p.RetryAfter))
	}
	w.WriteHeader(status)
}

func redirect(w http.ResponseWriter, isNginx bool, to string) {
	if !isNginx {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
		return
	}
	w.Header().Set("X-Gatehouse-Status", "302")
	w.Header().Set("X-Gatehouse-Location", to)
	w.WriteHeader(http.StatusUnauthorized)
}
