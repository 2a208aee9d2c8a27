// Package client is for programs that call an application behind Gatehouse.
//
//	o, err := client.FromEnv()
//	...
//	c, err := client.New(o)
//	...
//	resp, err := c.Post(o.BaseURL+"/api/v1/query/execute", "application/json", body)
//	...
//	defer resp.Body.Close()
//	if err := client.Problem(resp); err != nil { ... }
//
// The credential goes with every request to the host that it was made for, and
// never to another one: a request to, or a redirect to, another host is an
// error. What Gatehouse asks to repeat later is repeated, within bounds.
package client

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

const (
	defaultAttempts = 4
	defaultMaxWait  = 30 * time.Second
)

// Options say who calls, and whom. BaseURL, ID and Secret are required; ID is
// not with Bearer.
type Options struct {
	// BaseURL is where Gatehouse listens. Its scheme, host and port are the
	// only ones that the credential is sent to. It must be https, unless the
	// host is a loopback address.
	BaseURL string

	ID     string      // of the client, such as "my-tenant"
	Secret secret.Text // as it was shown when it was issued

	// Bearer sends the secret alone, as Authorization: Bearer, instead of
	// X-Client-Id and X-Client-Secret.
	Bearer bool

	Attempts int           // to send one request, the first included; 4 by default, 1 repeats nothing
	MaxWait  time.Duration // no attempt begins later than this after the first; 30 s by default

	Base   http.RoundTripper // by default a clone of http.DefaultTransport
	Clock  func() time.Time  // by default time.Now
	Jitter func() float64    // in [0,1), spreads repetitions; by default random
}

// FromEnv reads GATEHOUSE_URL, GATEHOUSE_CLIENT_ID and GATEHOUSE_CLIENT_SECRET.
// The error names those that are missing.
func FromEnv() (Options, error) {
	var missing []string
	get := func(name string) string {
		value := os.Getenv(name)
		if value == "" {
			missing = append(missing, name)
		}
		return value
	}
	o := Options{
		BaseURL: get("GATEHOUSE_URL"),
		ID:      get("GATEHOUSE_CLIENT_ID"),
		Secret:  secret.Text(get("GATEHOUSE_CLIENT_SECRET")),
	}
	if len(missing) > 0 {
		return Options{}, fmt.Errorf("client: not set in the environment: %s", strings.Join(missing, ", "))
	}
	return o, nil
}

// New returns an http.Client whose Transport is that of NewTransport.
func New(o Options) (*http.Client, error) {
	t, err := NewTransport(o)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: t}, nil
}

// NewTransport returns the http.RoundTripper for an http.Client of your own.
// The error says which option is wrong, and never shows the secret.
func NewTransport(o Options) (*Transport, error) {
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Hostname() == "" || base.User != nil {
		return nil, errors.New("client: BaseURL must be a URL with a host and without credentials")
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !loopback(base.Hostname())) {
		return nil, fmt.Errorf("client: BaseURL %s: a secret is sent by https only, except to a loopback address", origin(base))
	}
	if !visible(o.ID) && !o.Bearer {
		return nil, errors.New("client: ID is empty or has spaces, line breaks or characters beyond ASCII")
	}
	if !visible(o.Secret.Reveal()) {
		return nil, errors.New("client: Secret is empty or has spaces, line breaks or characters beyond ASCII: was it cut or pasted whole?")
	}
	if o.Attempts < 0 || o.MaxWait < 0 {
		return nil, errors.New("client: Attempts and MaxWait must not be negative")
	}
	if o.Attempts == 0 {
		o.Attempts = defaultAttempts
	}
	if o.MaxWait == 0 {
		o.MaxWait = defaultMaxWait
	}
	if o.Base == nil {
		o.Base = http.DefaultTransport.(*http.Transport).Clone()
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	t := &Transport{
		origin: origin(base), base: o.Base,
		attempts: o.Attempts, maxWait: o.MaxWait, clock: o.Clock, jitter: o.Jitter,
		// A function does not show itself when somebody prints the Transport.
		credential: func(h http.Header) {
			h.Set("X-Client-Id", o.ID)
			h.Set("X-Client-Secret", o.Secret.Reveal())
		},
		headers: []string{"X-Client-Id", "X-Client-Secret"},
	}
	if o.Bearer {
		t.credential = func(h http.Header) { h.Set("Authorization", "Bearer "+o.Secret.Reveal()) }
		t.headers = []string{"Authorization"}
	}
	return t, nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// origin is scheme, host and port in one spelling (RFC 6454 §4).
func origin(u *url.URL) string {
	return strings.ToLower(u.Scheme) + "://" + authority(u.Scheme, u.Host)
}

func authority(scheme, host string) string {
	u := url.URL{Host: strings.ToLower(host)}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(scheme)]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
