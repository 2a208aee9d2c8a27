package oidcidp_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/idp/oidcidp"
)

const (
	issuer   = "https://idp.example/t"
	redirect = "https://app.example/callback"
	verifier = "a-verifier-of-at-least-forty-three-characters"
)

func newProvider(t *testing.T) *oidcidp.Provider {
	t.Helper()
	p, err := oidcidp.New(oidcidp.Options{
		Issuer: issuer, Algorithm: "ES256",
		People: []oidcidp.Person{
			{Subject: "1", Name: `<script>alert("a")</script>`, Email: `"><b>`, Groups: []string{"<i>"}},
			{Subject: "2", Name: "Grace", Email: "grace@acme.example"},
		},
		Clients: []oidcidp.Client{{ID: "app", Secret: "s", RedirectURIs: []string{redirect}, LogoutURIs: []string{redirect}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// asked is a good request, with changes.
func asked(change map[string]string) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"client_id": {"app"}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid email"}, "state": {`"><script>`},
		"nonce": {"n"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for name, value := range change {
		q.Set(name, value)
	}
	return q
}

func send(t *testing.T, p *oidcidp.Provider, method, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, issuer+path, strings.NewReader(form.Encode()))
	if method == http.MethodGet {
		r = httptest.NewRequestWithContext(t.Context(), method, issuer+path+"?"+form.Encode(), nil)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

// The page shows everybody, and nothing of it runs, whatever people and requests have
// in them.
func TestPage(t *testing.T) {
	t.Parallel()
	w := send(t, newProvider(t), http.MethodGet, "/authorize", asked(map[string]string{"login_hint": "grace@acme.example"}))
	page := w.Body.String()
	if w.Code != http.StatusOK || strings.Count(page, "<form") != 3 || !strings.Contains(page, "&lt;script&gt;alert") || !strings.Contains(page, "&lt;i&gt;") {
		t.Errorf("status %d: %s", w.Code, page)
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<b>\"") || strings.Contains(page, "<i>") {
		t.Errorf("something is not escaped: %s", page)
	}
	if strings.Index(page, "Grace") > strings.Index(page, "alert") {
		t.Error("who is expected does not stand first")
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("the policy is %q", policy)
	}
}

// Somebody who chooses comes back with a code that counts once, for who has the
// verifier.
func TestChoice(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	w := send(t, p, http.MethodPost, "/authorize", asked(map[string]string{"person": "2", "factors": "2"}))
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther || !strings.HasPrefix(to.String(), redirect+"?") || to.Query().Get("state") != `"><script>` || to.Query().Get("iss") != issuer {
		t.Fatalf("status %d, to %q", w.Code, w.Header().Get("Location"))
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {redirect}, "code_verifier": {verifier}, "client_id": {"app"}, "client_secret": {"s"}}
	w = send(t, p, http.MethodPost, "/token", form)
	var answer struct {
		ID string `json:"id_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(answer.ID, ".")[1])
	if err != nil || !strings.Contains(string(text), `"sub":"2"`) || !strings.Contains(string(text), `"mfa"`) || !strings.Contains(string(text), `"nonce":"n"`) {
		t.Errorf("the token says %s, %v", text, err)
	}
	if w = send(t, p, http.MethodPost, "/token", form); w.Code != http.StatusBadRequest {
		t.Errorf("the code a second time: status %d", w.Code)
	}
}

// What is not as it should be is answered with an error; to an address that is not
// registered nobody is sent.
func TestRequests(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for what, one := range map[string]struct {
		change map[string]string
		want   string // the error that a browser brings back, or "stays"
	}{
		"another address":   {map[string]string{"redirect_uri": redirect + "/"}, "stays"},
		"another client":    {map[string]string{"client_id": "other"}, "stays"},
		"no PKCE":           {map[string]string{"code_challenge": ""}, "invalid_request"},
		"PKCE in the clear": {map[string]string{"code_challenge_method": "plain"}, "invalid_request"},
		"another flow":      {map[string]string{"response_type": "id_token"}, "unsupported_response_type"},
		"no openid":         {map[string]string{"scope": "email"}, "invalid_scope"},
		"without a page":    {map[string]string{"prompt": "none"}, "login_required"},
		"who does not want": {map[string]string{"person": "nobody"}, "access_denied"},
	} {
		w := send(t, p, http.MethodPost, "/authorize", asked(one.change))
		to, err := url.Parse(w.Header().Get("Location"))
		got := "stays"
		if err == nil && to.String() != "" {
			got = to.Query().Get("error")
		}
		if got != one.want {
			t.Errorf("%s: %q, want %q", what, got, one.want)
		}
	}
	for name, want := range map[string]int{redirect: http.StatusSeeOther, "https://other.example": http.StatusOK} {
		if w := send(t, p, http.MethodGet, "/logout", url.Values{"client_id": {"app"}, "post_logout_redirect_uri": {name}, "state": {"s"}}); w.Code != want {
			t.Errorf("signing out to %s: status %d", name, w.Code)
		}
	}
}
