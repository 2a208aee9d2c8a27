package host

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/core/fetch"
	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// fetcher lets plugins make requests through the guard.
type fetcher struct{ client *fetch.Client }

func (f fetcher) Fetch(ctx context.Context, r pluginhost.FetchRequest) (pluginhost.FetchResponse, error) {
	got, err := f.client.Fetch(ctx, fetch.Request{
		Scope:  fetch.Scope{Plugin: r.Plugin, Instance: r.Instance, Organization: r.Organization},
		Method: r.Method, URL: r.URL, Header: r.Header, Body: r.Body, Credentials: r.Credentials, MaxBytes: r.MaxBytes,
	})
	return pluginhost.FetchResponse(got), err
}

// newFetch makes the client of the plugins' requests.
func (h *house) newFetch(seen *pluginMetrics, end *closers) error {
	settings, err := fetchSettings(h.boot.Server.Fetch)
	if err != nil {
		return err
	}
	h.fetch, err = fetch.New(fetch.Options{
		Settings: settings, Plain: h.Dev, Version: h.Version, Logger: h.Logger, Clock: time.Now,
		Observe: seen.fetched,
	})
	if err != nil {
		return err
	}
	end.add(h.fetch.Close)
	return nil
}

// fetchSettings are those of a configuration, with the certificates of its file.
func fetchSettings(c config.Fetch) (fetch.Settings, error) {
	s := fetch.Settings{Allow: c.Allow}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return fetch.Settings{}, fmt.Errorf("reading ca_file of the fetch block: %w", err)
		}
		s.Certificates = string(pem)
	}
	if err := s.Check(); err != nil {
		return fetch.Settings{}, problem.Wrap(err, problem.Invalid, "the certificates of the fetch block cannot be used").WithHint("check ca_file %s", c.CAFile)
	}
	return s, nil
}
