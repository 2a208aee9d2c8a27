package fetch_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gatehouse-id/gatehouse/core/fetch"
)

// world is a client and what it can reach: a server on 127.0.0.1, which is
// allowed, and whatever else a test starts.
type world struct {
	*fetch.Client
	server  *httptest.Server
	log     *buffer
	clock   *clock
	results *results
}

var scope = fetch.Scope{Plugin: "tokens", Instance: "acme/tokens", Organization: "acme"}

// allowed is the server's address alone.
func allowed() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} }

func newWorld(t *testing.T, handler http.HandlerFunc, change ...func(*fetch.Options)) *world {
	t.Helper()
	w := &world{log: &buffer{}, clock: &clock{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}, results: &results{}}
	w.server = httptest.NewUnstartedServer(handler)
	w.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	w.server.EnableHTTP2 = true
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	o := fetch.Options{
		Settings: fetch.Settings{Allow: allowed(), Certificates: certificates(w.server)},
		Version:  "1.2.3", Logger: slog.New(slog.NewJSONHandler(w.log, nil)), Clock: w.clock.Now, Observe: w.results.add,
	}
	for _, f := range change {
		f(&o)
	}
	c, err := fetch.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	w.Client = c
	return w
}

func certificates(s *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

func (w *world) get(ctx context.Context, path string, change ...func(*fetch.Request)) (fetch.Response, error) {
	r := fetch.Request{Scope: scope, Method: "GET", URL: w.server.URL + path}
	for _, f := range change {
		f(&r)
	}
	return w.Fetch(ctx, r)
}

func with(name, value string) func(*fetch.Request) {
	return func(r *fetch.Request) {
		if r.Header == nil {
			r.Header = http.Header{}
		}
		r.Header.Add(name, value)
	}
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

type results struct {
	mu   sync.Mutex
	list []fetch.Result
}

func (r *results) add(_ string, one fetch.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, one)
}

func (r *results) last() fetch.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list[len(r.list)-1]
}

type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.text.String() }

// names is a resolver that answers every question for an IPv4 address with what
// a function says at that moment.
func names(t *testing.T, address func(name string) []string) *net.Resolver {
	t.Helper()
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go answerNames(ours, address)
		return theirs, nil
	}}
}

// answerNames speaks DNS over a stream: each message has its length before it.
func answerNames(conn net.Conn, address func(name string) []string) {
	defer conn.Close()
	for {
		var length uint16
		if binary.Read(conn, binary.BigEndian, &length) != nil {
			return
		}
		packed := make([]byte, length)
		if _, err := io.ReadFull(conn, packed); err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(packed) != nil {
			return
		}
		m.Response, m.Additionals = true, nil
		for _, q := range m.Questions {
			if q.Type != dnsmessage.TypeA {
				continue
			}
			for _, text := range address(q.Name.String()) {
				m.Answers = append(m.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: netip.MustParseAddr(text).As4()},
				})
			}
		}
		answer, err := m.Pack()
		if err != nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}
