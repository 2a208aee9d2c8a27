// Package standalone runs the identity provider of test/idp by itself, beside a host
// whose sign-on somebody wants to try: `gatehouse simulate idp`.
//
// It believes everybody who reaches it. So it listens on the loopback interface only,
// answers to its own name only, and has keys that nobody else has.
package standalone

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"syscall"
	"time"

	"github.com/gatehouse-id/gatehouse/test/idp"
)

// Options are what a Provider is made from.
type Options struct {
	Listen       string // loopback address and port; port 0 is any
	Plain        bool   // http, and not https
	Data         string // folder of its keys, which is made
	Host         string // public URL of the host
	Connection   string // label, of which the addresses at the host are made
	Organization string // label; "" is one of its own
	People       []idp.Person
	Faults       []string
}

// Provider listens.
type Provider struct {
	options  Options
	address  netip.Addr
	listener net.Listener
	url      string
	kept     kept
	idp      *idp.Provider
}

// routesPrefix stands before a host's addresses where its short_routes is false.
const routesPrefix = "/.gatehouse"

// label is the name of a block of a configuration.
var label = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// Check says what is wrong with options, before anything is made.
func (o Options) Check() error {
	at, err := netip.ParseAddrPort(o.Listen)
	switch {
	case err != nil:
		return fmt.Errorf("%q is no address to listen on: it is a loopback address and a port, such as 127.0.0.1:9400", o.Listen)
	case !at.Addr().Unmap().IsLoopback() || at.Addr().Zone() != "":
		return fmt.Errorf("%s is no address of this machine alone: this identity provider believes everybody who reaches it, so it listens on the loopback interface, such as 127.0.0.1:%d", o.Listen, at.Port())
	}
	u, err := url.Parse(o.Host)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery+u.Fragment != "" || u.Path != "" && u.Path != routesPrefix:
		return fmt.Errorf("%q is no address of a host: it is what public_url of its configuration says, such as https://app.example.com", o.Host)
	case !label.MatchString(o.Connection):
		return fmt.Errorf("%q is no label of a connection: it has lower case letters, digits and dashes, such as acme-dev", o.Connection)
	case o.Organization != "" && !label.MatchString(o.Organization):
		return fmt.Errorf("%q is no label of an organization: it has lower case letters, digits and dashes, such as acme", o.Organization)
	}
	return nil
}

// Open makes a provider, and opens its port.
func Open(ctx context.Context, o Options) (*Provider, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	p := &Provider{options: o, address: netip.MustParseAddrPort(o.Listen).Addr()}
	var err error
	if p.kept, err = open(o.Data); err != nil {
		return nil, err
	}
	p.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use: choose another address with --listen", o.Listen)
	case err != nil:
		return nil, err
	}
	p.url = "https://" + p.listener.Addr().String()
	if o.Plain {
		p.url = "http://" + p.listener.Addr().String()
	}
	base := o.Host + "/sso/" + o.Connection
	p.idp, err = idp.New(idp.Options{
		URL: p.url, People: o.People, OIDC: base, SAML: base + "/" + samlLabel, Key: p.kept.signing, ClientSecret: p.kept.clientSecret,
	})
	if err == nil {
		err = p.idp.Misbehave(o.Faults...)
	}
	if err != nil {
		return nil, errors.Join(err, p.listener.Close())
	}
	return p, nil
}

// Serve answers until the context ends, and finishes the requests in flight.
func (p *Provider) Serve(ctx context.Context) error {
	server := &http.Server{
		Handler: p, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // of browsers that do not trust it yet
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{p.kept.tls}, MinVersion: tls.VersionTLS12},
	}
	failed := make(chan error, 1)
	go func() {
		if p.options.Plain {
			failed <- server.Serve(p.listener)
			return
		}
		failed <- server.ServeTLS(p.listener, "", "")
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		return server.Close()
	}
	return nil
}

// ServeHTTP implements http.Handler. A page of the web may have a name that leads to
// this machine: what is asked for by another name than its own is not answered.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if at := p.listener.Addr().String(); r.Host != at && r.Host+":443" != at && r.Host+":80" != at { // browsers leave these ports out
		http.Error(w, "This identity provider is at "+p.url+".", http.StatusMisdirectedRequest)
		return
	}
	p.idp.ServeHTTP(w, r)
}

// network is that of its address.
func (p *Provider) network() string {
	a := p.address.Unmap()
	return netip.PrefixFrom(a, a.BitLen()).String()
}

// CAFile is the file with the certificate that the host has to trust; "" is by http.
func (p *Provider) CAFile() string {
	if p.options.Plain {
		return ""
	}
	return p.kept.tlsFile
}
