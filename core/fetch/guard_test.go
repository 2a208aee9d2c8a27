package fetch_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/fetch"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// listenBeside serves on the same port of another loopback address, as a name
// that changes its address would have it.
func listenBeside(t *testing.T, w *world, address string) (reached *atomic.Int64) {
	t.Helper()
	_, port, err := net.SplitHostPort(w.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(address, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	reached = &atomic.Int64{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			reached.Add(1)
			_ = c.Close()
		}
	}()
	return reached
}

func at(w *world, host string) string {
	_, port, _ := net.SplitHostPort(w.server.Listener.Addr().String())
	return "https://" + net.JoinHostPort(host, port)
}

func TestANameThatChangesItsAddress(t *testing.T) {
	t.Parallel()
	var questions atomic.Int64
	resolver := names(t, func(string) []string {
		if questions.Add(1) == 1 {
			return []string{"127.0.0.1"} // that is allowed
		}
		return []string{"127.0.0.2"}
	})
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("Connection", "close") },
		func(o *fetch.Options) { o.Resolver = resolver })
	inside := listenBeside(t, w, "127.0.0.2")
	r := fetch.Request{Scope: scope, Method: "GET", URL: at(w, "example.com") + "/metadata?token=hunter2"}
	if _, err := w.Fetch(t.Context(), r); err != nil {
		t.Fatalf("while the name is public: %v", err)
	}
	w.server.CloseClientConnections()
	var err error
	for range 3 { // a connection that was open is not asked about again
		if _, err = w.Fetch(t.Context(), r); err != nil {
			break
		}
	}
	if !problem.Is(err, problem.Forbidden) || w.results.last() != fetch.Refused {
		t.Errorf("the second address: %v, %v", err, w.results.last())
	}
	if inside.Load() != 0 {
		t.Error("it was connected to the second address")
	}
	log := w.log.String()
	for _, want := range []string{`"instance":"acme/tokens"`, `"host":"example.com"`, `"address":"127.0.0.2"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s: %s", want, log)
		}
	}
	if strings.Contains(log, "hunter2") || strings.Contains(log, "metadata") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("path or query show: %v; %s", err, log)
	}
}

func TestANameWithSeveralAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(http.ResponseWriter, *http.Request) {}, func(o *fetch.Options) {
		o.Resolver = names(t, func(string) []string { return []string{"127.0.0.2", "127.0.0.1", "127.0.0.3"} })
	})
	second, third := listenBeside(t, w, "127.0.0.2"), listenBeside(t, w, "127.0.0.3")
	if _, err := w.Fetch(t.Context(), fetch.Request{Scope: scope, Method: "GET", URL: at(w, "example.com")}); err != nil {
		t.Errorf("one of them is allowed: %v", err)
	}
	if second.Load()+third.Load() != 0 {
		t.Error("it was connected to the others")
	}
}

func TestWaysToTheInside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }, func(o *fetch.Options) {
		o.Settings.Allow = nil
		o.Resolver = names(t, func(string) []string { return []string{"127.0.0.1"} })
	})
	for name, host := range map[string]string{
		"its address": "127.0.0.1", "its name": "localhost", "a name of it": "inside.example", "mapped": "::ffff:127.0.0.1",
		"unspecified": "0.0.0.0", "hexadecimal": "0x7f000001", "a number": "2130706433", "short": "127.1", "octal": "0177.0.0.1", "translated": "64:ff9b::7f00:1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := w.Fetch(t.Context(), fetch.Request{Scope: scope, Method: "GET", URL: at(w, host)})
			if !problem.Is(err, problem.Forbidden) && !problem.Is(err, problem.Unavailable) { // numbers may count as names without an address
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestRefusedAddressesDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(http.ResponseWriter, *http.Request) {}, func(o *fetch.Options) { o.Settings.Allow = nil })
	for range 100 {
		if _, err := w.get(t.Context(), "/"); !problem.Is(err, problem.Forbidden) {
			t.Fatal(err)
		}
	}
	if n := strings.Count(w.log.String(), "\n"); n != 10 {
		t.Errorf("%d lines", n)
	}
	w.clock.advance(2e9)
	_, _ = w.get(t.Context(), "/")
	if !strings.Contains(w.log.String(), `"left_out_before":90`) {
		t.Errorf("nothing is said of the others: %s", w.log)
	}
}

func TestNoProxyOfTheEnvironment(t *testing.T) {
	var asked atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer proxy.Close()
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	w := newWorld(t, func(http.ResponseWriter, *http.Request) {}, func(o *fetch.Options) {
		o.Resolver = names(t, func(string) []string { return []string{"127.0.0.1"} })
	})
	if _, err := w.Fetch(t.Context(), fetch.Request{Scope: scope, Method: "GET", URL: at(w, "example.com")}); err != nil || asked.Load() != 0 {
		t.Errorf("%v, and the proxy was asked %d times", err, asked.Load())
	}
}

func TestACertificateOfNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(http.ResponseWriter, *http.Request) {}, func(o *fetch.Options) { o.Settings.Certificates = "" })
	if _, err := w.get(t.Context(), "/"); !problem.Is(err, problem.Unavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "plain") }))
	t.Cleanup(plain.Close)
	var arrived atomic.Int64
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/end":
			arrived.Add(1)
			fmt.Fprintf(rw, "%s:%s:%s:%s", r.Method, r.Header.Get("Authorization"), r.Header.Get("X-Api-Key"), r.Header.Get("Accept"))
		case "/loop":
			http.Redirect(rw, r, "/loop", http.StatusFound)
		case "/count":
			n := len(r.URL.Query().Get("n"))
			if n == 0 {
				return
			}
			http.Redirect(rw, r, "/count?n="+strings.Repeat("x", n-1), http.StatusFound)
		case "/nowhere":
			rw.WriteHeader(http.StatusFound)
		default:
			status := http.StatusFound
			_, _ = fmt.Sscan(r.URL.Query().Get("status"), &status)
			rw.Header().Set("Location", r.URL.Query().Get("to"))
			rw.WriteHeader(status)
		}
	}, func(o *fetch.Options) { o.Plain = true })
	to := func(location string) string { return "/?to=" + url.QueryEscape(location) }
	for name, c := range map[string]struct {
		method, path string
		want         string // the body
		status       int
		code         problem.Code
	}{
		"relative":            {"GET", to("/end"), "GET:Bearer a:k:text/html", 200, ""},
		"permanent":           {"GET", to("/end") + "&status=308", "GET:Bearer a:k:text/html", 200, ""},
		"see other":           {"GET", to("/end") + "&status=303", "GET:Bearer a:k:text/html", 200, ""},
		"HEAD":                {"HEAD", to("/end"), "", 200, ""},
		"not modified":        {"GET", to("/end") + "&status=304", "", 304, ""},
		"POST":                {"POST", to("/end") + "&status=307", "", 307, ""},
		"PUT":                 {"PUT", to("/end") + "&status=303", "", 303, ""},
		"without a place":     {"GET", "/nowhere", "", 302, ""},
		"to http":             {"GET", to(plain.URL), "", 0, problem.Forbidden},
		"to another address":  {"GET", to("https://127.0.0.2/"), "", 0, problem.Forbidden},
		"to metadata":         {"GET", to("https://169.254.169.254/latest"), "", 0, problem.Forbidden},
		"to a file":           {"GET", to("file:///etc/passwd"), "", 0, problem.Forbidden},
		"to a user":           {"GET", to("https://a:b@127.0.0.1/"), "", 0, problem.Forbidden},
		"to no URL":           {"GET", to("https://[::1/"), "", 0, problem.BadUpstream},
		"in a circle":         {"GET", "/loop", "", 0, problem.BadUpstream},
		"as often as allowed": {"GET", "/count?n=" + strings.Repeat("x", fetch.MaxRedirects), "", 200, ""},
		"once more":           {"GET", "/count?n=" + strings.Repeat("x", fetch.MaxRedirects+1), "", 0, problem.BadUpstream},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := w.get(t.Context(), c.path, with("Authorization", "Bearer a"), with("X-Api-Key", "k"), with("Accept", "text/html"),
				func(r *fetch.Request) { r.Method = c.method })
			if c.code != "" && !problem.Is(err, c.code) || c.code == "" && err != nil {
				t.Fatalf("got %v, want %q", err, c.code)
			}
			if string(got.Body) != c.want || got.Status != c.status {
				t.Errorf("got %d %q", got.Status, got.Body)
			}
		})
	}
}

func TestCredentialsStayWithTheirOrigin(t *testing.T) {
	t.Parallel()
	seen := make(chan http.Header, 1)
	other := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/back" {
			http.Redirect(rw, r, r.URL.Query().Get("to"), http.StatusFound)
			return
		}
		seen <- r.Header
	})
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			seen <- r.Header
			return
		}
		http.Redirect(rw, r, r.URL.Query().Get("to"), http.StatusFound)
	}, func(o *fetch.Options) { o.Settings.Certificates += certificates(other.server) })
	for name, place := range map[string]string{
		"another port":   other.server.URL,
		"there and back": other.server.URL + "/back?to=" + url.QueryEscape(w.server.URL+"/end"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.get(t.Context(), "/?to="+url.QueryEscape(place), with("Authorization", "Bearer a"), with("Cookie", "c=d"), with("X-Api-Key", "k"),
				with("Accept-Language", "marked"), with("Accept", "text/html"), func(r *fetch.Request) { r.Credentials = []string{"accept-language"} })
			if err != nil {
				t.Fatal(err)
			}
			h := <-seen
			for _, name := range []string{"Authorization", "Cookie", "X-Api-Key", "Accept-Language", "Referer"} {
				if h.Get(name) != "" {
					t.Errorf("%s arrived: %q", name, h.Get(name))
				}
			}
			if h.Get("Accept") != "text/html" || h.Get("User-Agent") != "Gatehouse/1.2.3" {
				t.Errorf("arrived: %v", h)
			}
		})
	}
}
