package fetch_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/fetch"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestAnswersThatAreTooMuch(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("0", 64<<10)
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/exact":
			fmt.Fprint(rw, strings.Repeat("0", 1000))
		case "/endless":
			for {
				if _, err := io.WriteString(rw, zeros); err != nil {
					return
				}
			}
		case "/stated":
			rw.Header().Set("Content-Length", "99999999999")
		case "/bomb":
			rw.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(rw)
			for range 1024 {
				if _, err := io.WriteString(z, zeros); err != nil {
					return
				}
			}
			_ = z.Close()
		case "/header":
			rw.Header().Set("X-Long", strings.Repeat("x", 100<<10))
		case "/fields":
			for n := range 10000 {
				rw.Header().Set(fmt.Sprintf("X-Field-%d", n), "x")
			}
		case "/interim":
			rw.Header().Set("Link", "</x>; rel=preload")
			for range 10000 {
				rw.WriteHeader(http.StatusEarlyHints)
			}
		}
	})
	for path, want := range map[string]problem.Code{
		"/exact": "", "/endless": problem.TooLarge, "/stated": problem.TooLarge, "/bomb": problem.TooLarge,
		"/header": problem.Unavailable, "/fields": problem.Unavailable, "/interim": problem.Unavailable,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			got, err := w.get(t.Context(), path, apart(path)) // some of these end the connection for all that is on it
			if want == "" && (err != nil || len(got.Body) != 1000) || want != "" && !problem.Is(err, want) {
				t.Errorf("got %d bytes, %v", len(got.Body), err)
			}
		})
	}
	t.Run("the plugin's own limit", func(t *testing.T) {
		t.Parallel()
		for limit, want := range map[int64]bool{999: false, 1000: true, 1 << 40: true} {
			_, err := w.get(t.Context(), "/exact", func(r *fetch.Request) { r.MaxBytes = limit })
			if (err == nil) != want || err != nil && !problem.Is(err, problem.TooLarge) {
				t.Errorf("%d: %v", limit, err)
			}
		}
		if _, err := w.get(t.Context(), "/endless", apart("more"), func(r *fetch.Request) { r.MaxBytes = 1 << 40 }); !problem.Is(err, problem.TooLarge) {
			t.Errorf("more than the host gives: %v", err)
		}
	})
}

func apart(instance string) func(*fetch.Request) {
	return func(r *fetch.Request) { r.Scope.Instance = instance }
}

func TestAnswersThatDoNotCome(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			fmt.Fprint(rw, "a")
			_ = http.NewResponseController(rw).Flush()
		}
		<-r.Context().Done()
	})
	for _, path := range []string{"/header", "/body"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := w.get(ctx, path); !problem.Is(err, problem.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAHostThatHangsDoesNotTakeAll(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, fetch.PerHost)
	hanging := newWorld(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	w := newWorld(t, func(http.ResponseWriter, *http.Request) {}, func(o *fetch.Options) {
		o.Settings.Certificates += certificates(hanging.server)
		o.Resolver = names(t, func(string) []string { return []string{"127.0.0.1"} })
	})
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range fetch.PerHost {
		waiting.Go(func() {
			_, err := w.Fetch(ctx, fetch.Request{Scope: scope, Method: "GET", URL: hanging.server.URL})
			if !problem.Is(err, problem.Unavailable) {
				t.Errorf("one that was given up: %v", err)
			}
		})
	}
	for range fetch.PerHost {
		<-arrived
	}
	_, err := w.Fetch(ctx, fetch.Request{Scope: scope, Method: "GET", URL: hanging.server.URL})
	if !problem.Is(err, problem.Throttled) || problem.As(err).RetryAfter == 0 || w.results.last() != fetch.Limited {
		t.Errorf("one too many: %v, %v", err, w.results.last())
	}
	if _, err := w.Fetch(ctx, fetch.Request{Scope: scope, Method: "GET", URL: at(w, "example.com")}); err != nil {
		t.Errorf("another host: %v", err)
	}
	if _, err := w.Fetch(ctx, fetch.Request{Scope: fetch.Scope{Plugin: "other"}, Method: "GET", URL: w.server.URL}); err != nil {
		t.Errorf("another plugin: %v", err)
	}
	cancel()
	waiting.Wait()
	if w.UnderWay() {
		t.Error("slots are still taken")
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	for name, c := range map[string]struct {
		change func(*fetch.Request)
		want   problem.Code
	}{
		"CONNECT":             {func(r *fetch.Request) { r.Method = "CONNECT" }, problem.Invalid},
		"TRACE":               {func(r *fetch.Request) { r.Method = "TRACE" }, problem.Invalid},
		"lower case":          {func(r *fetch.Request) { r.Method = "get" }, problem.Invalid},
		"no method":           {func(r *fetch.Request) { r.Method = "" }, problem.Invalid},
		"GET with a body":     {func(r *fetch.Request) { r.Body = []byte("x") }, problem.Invalid},
		"http":                {func(r *fetch.Request) { r.URL = "http://127.0.0.1/" }, problem.Invalid},
		"a large body":        {func(r *fetch.Request) { r.Method, r.Body = "POST", make([]byte, fetch.RequestLimit+1) }, problem.TooLarge},
		"a host":              {with("host", "inside.example"), problem.Invalid},
		"a length":            {with("Content-Length", "5"), problem.Invalid},
		"chunks":              {with("Transfer-Encoding", "chunked"), problem.Invalid},
		"another encoding":    {with("Accept-Encoding", "br"), problem.Invalid},
		"an upgrade":          {with("Upgrade", "websocket"), problem.Invalid},
		"proxy":               {with("Proxy-Authorization", "Basic x"), problem.Invalid},
		"an identity":         {with("x-gatehouse-subject", "alice"), problem.Invalid},
		"forwarded":           {with("X-Forwarded-For", "127.0.0.1"), problem.Invalid},
		"a name with a space": {with("X y", "z"), problem.Invalid},
		"a line break":        {with("X-Y", "z\r\nHost: inside.example"), problem.Invalid},
		"a long header":       {with("X-Y", strings.Repeat("z", 17<<10)), problem.Invalid},
		"many fields":         {func(r *fetch.Request) { r.Header = many(65) }, problem.Invalid},
		"many marked":         {func(r *fetch.Request) { r.Credentials = make([]string, 17) }, problem.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := w.get(t.Context(), "/", c.change); !problem.Is(err, c.want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func many(n int) http.Header {
	h := http.Header{}
	for i := range n {
		h.Set(fmt.Sprintf("X-%d", i), "x")
	}
	return h
}

func TestWhatArrivesAndWhatComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h := rw.Header()
		h.Set("Content-Type", "application/json")
		h.Set("X-Rate-Limit-Remaining", "5")
		h.Set("Set-Cookie", "session=hunter2")
		h.Set("Server", "nginx")
		h.Set("Strict-Transport-Security", "max-age=1")
		h["Retry-After"] = []string{"\xff"}
		h["Date"] = nil
		rw.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(rw, "%s %s %s", r.Method, r.Header.Get("Content-Type"), body)
	})
	got, err := w.get(t.Context(), "/token#fragment", with("content-type", "text/plain"), func(r *fetch.Request) { r.Method, r.Body = "POST", []byte("a=b") })
	if err != nil {
		t.Fatal(err)
	}
	want := fetch.Response{
		Status: 418, Body: []byte("POST text/plain a=b"), URL: w.server.URL + "/token",
		Header: http.Header{"Content-Type": {"application/json"}, "X-Rate-Limit-Remaining": {"5"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if w.results.last() != fetch.Answered {
		t.Errorf("counted as %v", w.results.last())
	}
}
