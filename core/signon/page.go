package signon

import (
	"bytes"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/url"

	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

//go:embed page.html
var pageText embed.FS

// page is what the one template shows.
type page struct {
	Title  string
	Text   string
	Hint   string
	Trace  string
	Reason string

	Nonce   string // of the style, and of the script where there is one
	Ask     bool   // for an e-mail address
	Email   string
	Return  string
	Choices []choice

	Sessions []own // of the person who looks

	Next   string        // the browser goes there by itself
	Post   bool          // a form posts itself
	Action string        // where to; "" is the address of the page
	Stay   bool          // it waits for the person instead
	Fields []authn.Field // of that form
}

// choice is a connection that somebody may mean.
type choice struct{ Name, Link string }

// show writes a page. It runs nothing but what is in it, loads nothing, is in no
// frame, and posts to nowhere but where it says.
func (s *SignOn) show(w http.ResponseWriter, r *http.Request, status int, p page) {
	var raw [16]byte
	if _, err := io.ReadFull(s.Random, raw[:]); err != nil {
		problem.Write(w, err, tracing.ID(r.Context()))
		return
	}
	p.Nonce = base64.StdEncoding.EncodeToString(raw[:])
	t, err := template.ParseFS(pageText, "page.html")
	var out bytes.Buffer
	if err == nil {
		err = t.Execute(&out, p)
	}
	if err != nil {
		problem.Write(w, err, tracing.ID(r.Context()))
		return
	}
	target := "'self'"
	if u, err := url.Parse(p.Action); err == nil && u.Host != "" {
		target = u.Scheme + ":" // Chromium holds it against redirects too, and an IdP has hosts of its own
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+p.Nonce+"'; script-src 'nonce-"+p.Nonce+"'; form-action "+target+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the status is sent: who is gone cannot be told
}

// ask asks for an e-mail address.
func (s *SignOn) ask(w http.ResponseWriter, r *http.Request, one wish, unknown bool) {
	p := page{Title: "Sign on", Ask: true, Email: one.email, Return: one.to}
	status := http.StatusOK
	if unknown {
		p.Text, status = "No company signs on here with this. Check the address, or ask whoever gave you the link.", http.StatusNotFound
	}
	s.show(w, r, status, p)
}

// choose shows the connections that somebody may mean.
func (s *SignOn) choose(w http.ResponseWriter, r *http.Request, list []Connection, one wish) {
	p := page{Title: "Sign on", Text: "Choose how your company signs on."}
	for _, c := range list {
		q := url.Values{"connection": {c.Label}, "return_to": {one.to}}
		if one.email != "" {
			q.Set("email", one.email)
		}
		p.Choices = append(p.Choices, choice{Name: c.Name + " (" + c.Label + ")", Link: "?" + q.Encode()})
	}
	s.show(w, r, http.StatusOK, p)
}

// forward sends a browser on: to an address, or with a form that posts itself. What
// a form of ours has posted is answered with a page that goes on from there:
// Chromium takes a redirect for part of the form, which posts to this host only.
func (s *SignOn) forward(w http.ResponseWriter, r *http.Request, b authn.Begun) {
	if len(b.Fields) > 0 {
		s.show(w, r, http.StatusOK, page{Title: "Signing on", Text: "You are being sent to your company's sign-on.", Post: true, Action: b.URL, Fields: b.Fields})
		return
	}
	if r.Method == http.MethodPost {
		s.show(w, r, http.StatusOK, page{Title: "One moment", Text: "You are being sent to your company's sign-on.", Next: b.URL})
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, b.URL, http.StatusSeeOther)
}

// repost has the browser post what another site's page has posted, from a page of
// ours: the first time it left out the cookies that say who began.
func (s *SignOn) repost(w http.ResponseWriter, r *http.Request, in authn.Incoming) {
	fields := append([]authn.Field{{Name: again, Value: "1"}}, in.Form...)
	s.show(w, r, http.StatusOK, page{Title: "Signing on", Text: "One moment.", Post: true, Fields: fields})
}

// said is what a person reads about a refusal, by its reason. An attacker learns
// nothing that they have not sent.
var said = map[string][2]string{
	"mfa_required":    {"Your company's sign-on did not ask for a second factor, which this application needs.", "Set up a second factor, sign out of your company's sign-on, and try again; or ask your administrator."},
	"not_fresh":       {"Your company's sign-on did not ask you to sign on again, which this page needs.", "Sign out of your company's sign-on, and try again."},
	"not_provisioned": {"You have signed on, but this application does not know you yet.", "Ask your administrator to give you access. It can take a few minutes until it is here."},
	"deactivated":     {"Your access to this application has ended.", "Ask your administrator if you think that it should not."},
	"another_subject": {"Your company's sign-on knows you by another name than before.", "Ask the operator of this application to look at it, with the trace id."},
	"not_begun_here":  {"This sign-on was not begun in this browser, or too long ago.", "Begin again. If it happens again, see that your browser takes cookies."},
	"answered_before": {"This sign-on was used already.", "Begin again; the back button leads to pages that are over."},
	"mixed_up":        {"The answer is another sign-on's.", "Begin again."},
	"no_name":         {"Your company's sign-on does not say your name in the way that this application knows you by.", "Tell your administrator the reason and the trace id."},
	"ambiguous":       {"Several people here have the name that your company's sign-on gives you.", "Tell your administrator the reason and the trace id."},
	"too_many_groups": {"Your company's sign-on says that you are in more groups than this application takes.", "Tell your administrator the reason and the trace id."},
	"name_taken":      {"Somebody else has your name in this application.", "Ask the operator of this application to look at it, with the trace id."},
}

// deny tells a person that they are not signed on.
func (s *SignOn) deny(w http.ResponseWriter, r *http.Request, d *authn.Denied) {
	p := page{Title: "You are not signed on", Reason: d.Reason, Trace: tracing.ID(r.Context())}
	if words, ok := said[d.Reason]; ok {
		p.Text, p.Hint = words[0], words[1]
	} else {
		p.Text, p.Hint = "The answer of your company's sign-on cannot be taken.", "Begin again. If it happens again, tell your administrator the reason and the trace id."
	}
	s.show(w, r, http.StatusForbidden, p)
}

// fail tells a person that it does not work now, or that they asked for what is
// not there, and the log why.
func (s *SignOn) fail(w http.ResponseWriter, r *http.Request, err error) {
	found, trace := problem.As(err), tracing.ID(r.Context())
	p := page{Title: "This does not work", Reason: string(found.Code), Trace: trace}
	switch status := found.Code.Status(); {
	case status >= http.StatusInternalServerError:
		p.Title, p.Text, p.Hint = "Not now", "Signing on does not work at the moment.", "Try again in a minute. If it goes on, tell the operator of this application the trace id."
		var denied *authn.Denied
		if !errors.As(err, &denied) {
			s.Logger.ErrorContext(r.Context(), "a sign-on failed", "path", r.URL.Path, "trace_id", trace, "error", err, "hint", found.Hint)
		}
	default:
		p.Text, p.Hint = found.Detail, found.Hint
	}
	s.show(w, r, found.Code.Status(), p)
}
