package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// transport makes and keeps the connections to one upstream.
type transport struct {
	*http.Transport
	made made
}

// made is what a transport was made from.
type made struct {
	label            string
	connect, respond time.Duration
	certificates     string // in PEM, as the file had them
}

// transport returns that of the upstream, if there is a proxy and the upstream's
// settings are the same, or a new one.
func (p *Proxy) transport(u Upstream) (*transport, error) {
	from := made{label: u.Label, connect: u.ConnectTimeout, respond: u.ResponseTimeout}
	if u.CAFile != "" {
		pem, err := os.ReadFile(u.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading ca_file: %w", err)
		}
		from.certificates = string(pem)
	}
	if p != nil {
		for _, one := range p.upstreams {
			if one.transport.made == from {
				return one.transport, nil
			}
		}
	}
	return newTransport(from)
}

func newTransport(from made) (*transport, error) {
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: from.connect, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   from.connect,
		ResponseHeaderTimeout: from.respond,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       90 * time.Second,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // what the client asked for is the application's to answer
	}
	if from.certificates != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(from.certificates)) {
			return nil, errors.New("ca_file has no certificate in it")
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &transport{t, from}, nil
}

// Retire closes the connections that the proxy after this one does not use,
// each as soon as no request is on it. Nothing new comes to this one by then.
func (p *Proxy) Retire(after *Proxy) {
	used := map[*transport]bool{}
	for _, u := range after.upstreams {
		used[u.transport] = true
	}
	for _, u := range p.upstreams {
		if !used[u.transport] {
			u.transport.CloseIdleConnections()
		}
	}
}
