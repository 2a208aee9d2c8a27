package config

import (
	"maps"
	"net/url"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// Tracing is the server.tracing block.
type Tracing struct {
	Endpoint *url.URL          // of the collector, an origin; nil where it is not known or wrong
	Sample   float64           // share of the traces that begin here, 0 to 1
	Headers  map[string]string // of each request to the collector; secret
	Range    hcl.Range
}

var tracingSchema = schema.Schema{Attributes: []schema.Attribute{
	{Name: "endpoint", Type: schema.String, Required: true, Doc: "The collector that takes OTLP over HTTP: scheme and host, perhaps a port. `/v1/traces` is added.", Example: `"http://127.0.0.1:4318"`},
	{Name: "sample", Type: schema.Number, Default: 0.01, Doc: "The share of requests that is traced, from 0 to 1. A trusted proxy that sends `traceparent` has decided already.", Example: `0.01`},
	{Name: "headers", Type: schema.Map, Sensitive: true, Doc: "Headers of each request to the collector, such as a token. They need https, or a collector on this machine.", Example: `{ Authorization = env("OTLP_AUTHORIZATION") }`},
}}

func (l *loader) tracing(b *block) *Tracing {
	t := &Tracing{Endpoint: b.origin("endpoint"), Headers: b.table("headers"), Range: b.at}
	sample, ok := b.attrs["sample"].value.(float64)
	if ok && (sample < 0 || sample > 1) {
		b.invalid("sample", "", "Not a share", "Expected a number from 0 to 1: 0.01 is one request of a hundred.")
	}
	t.Sample = sample
	if u := t.Endpoint; u != nil && len(t.Headers) > 0 && u.Scheme != "https" && !loopback(u.Hostname()) && !l.options.Dev {
		b.invalid("endpoint", "", "Not https", "The headers are secret: outside of development they travel to an https address or the loopback interface only.")
	}
	return t
}

func (t *Tracing) differs(o *Tracing) bool {
	if t == nil || o == nil {
		return t != o
	}
	return t.Sample != o.Sample || !maps.Equal(t.Headers, o.Headers) || t.address() != o.address()
}

func (t *Tracing) address() string {
	if t.Endpoint == nil {
		return ""
	}
	return t.Endpoint.String()
}
