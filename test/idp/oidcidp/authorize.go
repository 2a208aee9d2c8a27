package oidcidp

import (
	"crypto/rand"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

// authorize is the authorization endpoint (Core §3.1.2): it shows who can sign on, and
// takes a choice.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The request cannot be read.", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := r.Form
	if r.Method == http.MethodPost {
		asked = r.PostForm // the page's own, which has what was asked
	}
	client, ok := p.client(asked.Get("client_id"))
	if !ok || !slices.Contains(client.RedirectURIs, asked.Get("redirect_uri")) {
		// Nobody is sent to an address that is not registered (RFC 6749 §4.1.2.1).
		http.Error(w, "There is no such client, or its redirect_uri is not registered.", http.StatusBadRequest)
		return
	}
	if code := wrong(asked); code != "" {
		p.answer(w, r, asked, url.Values{"error": {code}})
		return
	}
	choice := asked.Get("person")
	switch {
	case r.Method != http.MethodPost || choice == "":
		p.page(w, asked)
	case choice == "nobody":
		p.answer(w, r, asked, url.Values{"error": {"access_denied"}, "error_description": {"The person does not want to."}})
	default:
		if _, ok := p.person(choice); !ok {
			http.Error(w, "There is no such person.", http.StatusBadRequest)
			return
		}
		factors := 1
		if asked.Get("factors") == "2" {
			factors = 2
		}
		p.answer(w, r, asked, url.Values{"code": {p.code(asked, choice, factors)}})
	}
}

// wrong is the error of a request that is not as it should be (RFC 6749 §4.1.2.1, Core
// §3.1.2.6, RFC 7636 §4.4.1), and "" of one that is.
func wrong(asked url.Values) string {
	for name, values := range asked {
		if len(values) != 1 && name != "person" {
			return "invalid_request"
		}
	}
	switch {
	case asked.Get("response_type") != "code":
		return "unsupported_response_type"
	case !slices.Contains(strings.Fields(asked.Get("scope")), "openid"):
		return "invalid_scope"
	case asked.Get("code_challenge") == "" || asked.Get("code_challenge_method") != "S256" || asked.Get("state") == "":
		return "invalid_request"
	case asked.Get("prompt") == "none":
		return "login_required"
	}
	return ""
}

// code is what a client gets for somebody who has signed on.
func (p *Provider) code(asked url.Values, subject string, factors int) string {
	now := p.clock()
	return p.keep(grant{
		kind: "code", client: asked.Get("client_id"), redirect: asked.Get("redirect_uri"), challenge: asked.Get("code_challenge"),
		nonce: asked.Get("nonce"), scope: asked.Get("scope"), subject: subject, session: rand.Text(), factors: factors, at: now, ends: now.Add(codeLife),
	})
}

// answer sends a browser back (RFC 6749 §4.1.2, RFC 9207 §2).
func (p *Provider) answer(w http.ResponseWriter, r *http.Request, asked, values url.Values) {
	http.Redirect(w, r, p.back(asked, values), http.StatusSeeOther)
}

func (p *Provider) back(asked, values url.Values) string {
	values.Set("state", asked.Get("state"))
	values.Set("iss", p.issuer)
	if p.bend.Response != nil {
		p.bend.Response(values)
	}
	to := asked.Get("redirect_uri")
	if strings.Contains(to, "?") {
		return to + "&" + values.Encode()
	}
	return to + "?" + values.Encode()
}

// SignOn is what a browser does there, without one: it opens an address of the
// authorization endpoint, somebody signs on with so many factors, and it returns where
// the browser is sent.
func (p *Provider) SignOn(address, subject string, factors int) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := u.Query()
	if code := wrong(asked); code != "" {
		return p.back(asked, url.Values{"error": {code}}), nil
	}
	if _, ok := p.person(subject); !ok {
		return "", errNoPerson
	}
	return p.back(asked, url.Values{"code": {p.code(asked, subject, factors)}}), nil
}

// page shows who can sign on. What was asked goes along in the form.
func (p *Provider) page(w http.ResponseWriter, asked url.Values) {
	hidden := map[string]string{}
	for name := range asked {
		if name != "person" && name != "factors" {
			hidden[name] = asked.Get(name)
		}
	}
	people := slices.Clone(p.people)
	hint := asked.Get("login_hint")
	slices.SortStableFunc(people, func(a, b Person) int { // who is expected stands first
		switch {
		case a.hinted(hint) && !b.hinted(hint):
			return -1
		case b.hinted(hint) && !a.hinted(hint):
			return 1
		}
		return 0
	})
	show(w, "people", map[string]any{
		"Hidden": hidden, "People": people, "Client": asked.Get("client_id"), "Issuer": p.issuer,
		"MFA": asked.Get("acr_values")+asked.Get("claims") != "",
	})
}

func (p Person) hinted(hint string) bool {
	return hint != "" && (strings.EqualFold(p.Email, hint) || strings.EqualFold(p.UserName, hint))
}

// logout ends a session (RP-Initiated Logout 1.0 §2). There is none here that goes on: so
// the browser goes back, where that is registered.
func (p *Provider) logout(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The request cannot be read.", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	client, ok := p.client(r.Form.Get("client_id"))
	p.mu.Unlock()
	to := r.Form.Get("post_logout_redirect_uri")
	if !ok || !slices.Contains(client.LogoutURIs, to) {
		show(w, "out", nil)
		return
	}
	http.Redirect(w, r, to+"?"+url.Values{"state": {r.Form.Get("state")}}.Encode(), http.StatusSeeOther)
}

// show writes a page. Everything in it is escaped, and nothing of it runs.
func show(w http.ResponseWriter, name string, data any) {
	pages, err := template.New("").Parse(pageText)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	_ = pages.ExecuteTemplate(w, name, data)
}
