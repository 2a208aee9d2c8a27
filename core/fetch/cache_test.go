package fetch_test

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/fetch"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// origin answers each request with the number of it, and with what the test
// sets.
type origin struct {
	clock *clock

	mu     sync.Mutex
	status int
	header http.Header
	count  int
	asked  http.Header
}

func (o *origin) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count++
	o.asked = r.Header
	rw.Header().Set("Date", o.clock.Now().Format(http.TimeFormat))
	maps.Copy(rw.Header(), o.header)
	tag := o.header.Get("Etag")
	if tag != "" && r.Header.Get("If-None-Match") == tag {
		rw.WriteHeader(http.StatusNotModified)
		return
	}
	if o.status != 0 {
		rw.WriteHeader(o.status)
	}
	fmt.Fprint(rw, o.count)
}

func (o *origin) set(status int, lines ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.status, o.header = status, http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		o.header.Add(name, value)
	}
}

func (o *origin) requests() int { o.mu.Lock(); defer o.mu.Unlock(); return o.count }

// last is the header of the last request.
func (o *origin) last() http.Header { o.mu.Lock(); defer o.mu.Unlock(); return o.asked }

func newCached(t *testing.T) (*world, *origin) {
	t.Helper()
	o := &origin{}
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) { o.ServeHTTP(rw, r) })
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock = w.clock
	return w, o
}

// body gets a path and wants an answer.
func (w *world) body(t *testing.T, change ...func(*fetch.Request)) string {
	t.Helper()
	got, err := w.get(t.Context(), "/jwks?x=1", change...)
	if err != nil {
		t.Fatal(err)
	}
	return string(got.Body)
}

func TestHowLongAnAnswerIsKept(t *testing.T) {
	t.Parallel()
	date := func(ahead time.Duration) string {
		return time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).Add(ahead).Format(http.TimeFormat)
	}
	for name, c := range map[string]struct {
		status int
		lines  []string
		fresh  time.Duration // 0: not at all
	}{
		"nothing said":           {200, nil, 0},
		"last modified alone":    {200, []string{"Last-Modified: " + date(-1000*time.Hour)}, 0},
		"max-age":                {200, []string{"Cache-Control: max-age=60"}, time.Minute},
		"upper case":             {200, []string{"Cache-Control: Max-Age=60"}, time.Minute},
		"quoted":                 {200, []string{`Cache-Control: max-age="60"`}, time.Minute},
		"private":                {200, []string{"Cache-Control: private, max-age=60"}, time.Minute},
		"must revalidate":        {200, []string{"Cache-Control: must-revalidate, max-age=60"}, time.Minute},
		"for shared caches":      {200, []string{"Cache-Control: s-maxage=600, max-age=60"}, time.Minute},
		"no-store":               {200, []string{"Cache-Control: max-age=60, no-store"}, 0},
		"no-store in another":    {200, []string{"Cache-Control: max-age=60", "Cache-Control: no-store"}, 0},
		"no-cache":               {200, []string{"Cache-Control: no-cache, max-age=60"}, 0},
		"no-cache of a field":    {200, []string{`Cache-Control: no-cache="Set-Cookie, X", max-age=60`}, 0},
		"quoted no-store":        {200, []string{`Cache-Control: ext="a, no-store", max-age=60`}, time.Minute},
		"stale while revalidate": {200, []string{"Cache-Control: max-age=60, stale-while-revalidate=600, stale-if-error=600"}, time.Minute},
		"negative":               {200, []string{"Cache-Control: max-age=-60"}, 0},
		"no number":              {200, []string{"Cache-Control: max-age=1m"}, 0},
		"two times":              {200, []string{"Cache-Control: max-age=60, max-age=600"}, 0},
		"expires":                {200, []string{"Expires: " + date(time.Minute)}, time.Minute},
		"expired":                {200, []string{"Expires: " + date(-time.Minute)}, 0},
		"expires at 0":           {200, []string{"Expires: 0"}, 0},
		"max-age before expires": {200, []string{"Expires: " + date(time.Hour), "Cache-Control: max-age=60"}, time.Minute},
		"an age":                 {200, []string{"Cache-Control: max-age=60", "Age: 20"}, 40 * time.Second},
		"a great age":            {200, []string{"Cache-Control: max-age=60", "Age: 99999999999999999999"}, 0},
		"an old date":            {200, []string{"Cache-Control: max-age=60", "Date: " + date(-20*time.Second)}, 40 * time.Second},
		"the first year":         {200, []string{"Cache-Control: max-age=60", "Date: Mon, 01 Jan 0001 00:00:00 GMT"}, 0},
		"a date to come":         {200, []string{"Cache-Control: max-age=60", "Date: " + date(time.Hour)}, time.Minute},
		"for ever":               {200, []string{"Cache-Control: max-age=99999999999999999999"}, fetch.MostFresh},
		"a cookie":               {200, []string{"Cache-Control: max-age=60", "Set-Cookie: a=b"}, 0},
		"varies with everything": {200, []string{"Cache-Control: max-age=60", "Vary: *"}, 0},
		"varies with the same":   {200, []string{"Cache-Control: max-age=60", "Vary: accept, Origin"}, time.Minute},
		"gone":                   {410, []string{"Cache-Control: max-age=60"}, time.Minute},
		"forbidden":              {403, []string{"Cache-Control: max-age=60"}, 0},
		"a failure":              {503, []string{"Cache-Control: max-age=60"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, o := newCached(t)
			o.set(c.status, c.lines...)
			w.body(t)
			if c.fresh > 0 {
				w.clock.advance(c.fresh - time.Second)
				if got := w.body(t); got != "1" || w.results.last() != fetch.Cached {
					t.Errorf("a second before its end: answer %s, %v", got, w.results.last())
				}
				w.clock.advance(time.Second)
			}
			if got := w.body(t); got != "2" {
				t.Errorf("at its end: answer %s", got)
			}
		})
	}
}

func TestRequestsThatAreNotAnsweredFromTheCache(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*fetch.Request){
		"a credential":         with("Authorization", "Bearer a"),
		"a cookie":             with("Cookie", "a=b"),
		"an unknown field":     with("X-Api-Key", "a"),
		"a marked field":       func(r *fetch.Request) { with("Accept", "a")(r); r.Credentials = []string{"accept"} },
		"no-cache":             with("Cache-Control", "no-cache"),
		"Pragma":               with("Pragma", "no-cache"),
		"max-age=0":            with("Cache-Control", "max-age=0"),
		"longer than it lasts": with("Cache-Control", "min-fresh=61"),
		"a range":              with("Range", "bytes=0-1"),
		"a condition":          with("If-None-Match", `"other"`),
		"HEAD":                 func(r *fetch.Request) { r.Method = "HEAD" },
		"POST":                 func(r *fetch.Request) { r.Method = "POST" },
		"another URL":          func(r *fetch.Request) { r.URL += "&y" },
		"another language":     with("Accept-Language", "de"),
		"another instance":     func(r *fetch.Request) { r.Scope.Instance = "globex/tokens" },
		"another organization": func(r *fetch.Request) { r.Scope.Organization = "globex" },
		"another plugin":       func(r *fetch.Request) { r.Scope.Plugin = "other" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, o := newCached(t)
			o.set(0, "Cache-Control: max-age=60", "Vary: Accept-Language")
			w.body(t)
			w.body(t, change)
			if n := o.requests(); n != 2 || w.results.last() == fetch.Cached {
				t.Errorf("%d requests arrived", n)
			}
		})
	}
}

func TestWhatACredentialWasAnsweredIsNotKept(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*fetch.Request){
		"a credential":     with("Authorization", "Bearer a"),
		"an unknown field": with("X-Api-Key", "a"),
		"no-store":         with("Cache-Control", "no-store"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, o := newCached(t)
			o.set(0, "Cache-Control: public, max-age=60", `Etag: "a"`)
			w.body(t, change)
			if _, size := w.Kept(); size != 0 {
				t.Errorf("%d bytes are kept", size)
			}
			if got := w.body(t); got != "2" {
				t.Errorf("answer %s", got)
			}
		})
	}
}

func TestAskingWhetherItIsStillRight(t *testing.T) {
	t.Parallel()
	w, o := newCached(t)
	o.set(0, "Cache-Control: no-cache", `Etag: "a"`, "X-Request-Id: first", "Last-Modified: Tue, 01 Jan 2030 00:00:00 GMT")
	w.body(t)
	o.set(0, "Cache-Control: max-age=60", `Etag: "a"`, "X-Request-Id: second")
	got, err := w.get(t.Context(), "/jwks?x=1")
	if err != nil || string(got.Body) != "1" || got.Status != 200 || got.Header.Get("X-Request-Id") != "second" || !got.FromCache {
		t.Errorf("confirmed: %v, %v", got, err)
	}
	if asked := o.last(); asked.Get("If-None-Match") != `"a"` || asked.Get("If-Modified-Since") != "Tue, 01 Jan 2030 00:00:00 GMT" {
		t.Errorf("asked with %v", asked)
	}
	w.clock.advance(30 * time.Second)
	if got, _ := w.get(t.Context(), "/jwks?x=1"); string(got.Body) != "1" || got.Header.Get("Age") != "30" || o.requests() != 2 {
		t.Errorf("what it said counts: %v, %d requests", got, o.requests())
	}
	w.clock.advance(30 * time.Second)
	o.set(0, "Cache-Control: max-age=60", `Etag: "b"`)
	if got := w.body(t); got != "3" {
		t.Errorf("changed: answer %s", got)
	}
	w.clock.advance(time.Hour)
	o.set(503)
	if got, _ := w.get(t.Context(), "/jwks?x=1"); got.Status != 503 {
		t.Errorf("a failure is an answer: %v", got)
	}
	o.set(0, `Etag: "b"`, "Cache-Control: no-store")
	if got := w.body(t); got != "3" {
		t.Errorf("after the failure: answer %s", got)
	}
	if _, size := w.Kept(); size != 0 {
		t.Error("it is kept though it may not be any more")
	}
}

func TestAConfirmationOfAnotherAnswer(t *testing.T) {
	t.Parallel()
	n := 0
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		n++
		rw.Header().Set("Etag", fmt.Sprintf(`"%d"`, n))
		if r.Header.Get("If-None-Match") != "" {
			rw.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(rw, n)
	})
	if first, second := w.body(t), w.body(t); first != "1" || second != "3" {
		t.Errorf("got %s and %s", first, second)
	}
}

func TestAChangeMakesTheKeptAnswerStale(t *testing.T) {
	t.Parallel()
	w, o := newCached(t)
	o.set(0, "Cache-Control: max-age=60")
	w.body(t)
	w.body(t, func(r *fetch.Request) { r.Method = "POST" }, with("Authorization", "Bearer a"))
	if got := w.body(t); got != "3" {
		t.Errorf("answer %s", got)
	}
}

func TestAKeptAnswerIsStillTooLarge(t *testing.T) {
	t.Parallel()
	w, o := newCached(t)
	o.set(0, "Cache-Control: max-age=60")
	o.mu.Lock()
	o.count = 1000
	o.mu.Unlock()
	w.body(t)
	if _, err := w.get(t.Context(), "/jwks?x=1", func(r *fetch.Request) { r.MaxBytes = 3 }); !problem.Is(err, problem.TooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestARedirectIsKeptByItsOwnRules(t *testing.T) {
	t.Parallel()
	var asked sync.Map
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header()["Date"] = nil
		n, _ := asked.LoadOrStore(r.URL.Path, new(int))
		*n.(*int)++
		if r.URL.Path == "/from" {
			rw.Header().Set("Cache-Control", "max-age=60")
			http.Redirect(rw, r, "/to", http.StatusMovedPermanently)
		}
	})
	for range 3 {
		if _, err := w.get(t.Context(), "/from"); err != nil {
			t.Fatal(err)
		}
	}
	from, _ := asked.Load("/from")
	to, _ := asked.Load("/to")
	if *from.(*int) != 1 || *to.(*int) != 3 {
		t.Errorf("asked %d and %d times", *from.(*int), *to.(*int))
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 900<<10)
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header()["Date"] = nil
		rw.Header().Set("Cache-Control", "max-age=60")
		if r.URL.Path == "/huge" {
			fmt.Fprint(rw, large)
		}
		fmt.Fprint(rw, large)
	})
	if _, err := w.get(t.Context(), "/huge"); err != nil {
		t.Fatal(err)
	}
	if _, size := w.Kept(); size != 0 {
		t.Errorf("an answer of 1800 KiB is kept in %d bytes", size)
	}
	for n := range 6 {
		if _, err := w.get(t.Context(), "/?n="+strconv.Itoa(n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, size := w.Kept(); size > fetch.KeptOfOne || size < fetch.KeptOfOne/2 {
		t.Errorf("%d bytes are kept for one instance", size)
	}
	for n := range 40 {
		if _, err := w.get(t.Context(), "/", apart(strconv.Itoa(n))); err != nil {
			t.Fatal(err)
		}
	}
	if _, size := w.Kept(); size > fetch.KeptLimit || size < fetch.KeptLimit/2 {
		t.Errorf("%d bytes are kept in all", size)
	}
	for n := range fetch.Partitions + 10 {
		_, _ = w.Fetch(t.Context(), fetch.Request{Scope: fetch.Scope{Instance: strconv.Itoa(n)}, Method: "GET", URL: "https://127.0.0.9/"})
	}
	if n, _ := w.Kept(); n > fetch.Partitions {
		t.Errorf("%d partitions", n)
	}
}

func TestOtherSettings(t *testing.T) {
	t.Parallel()
	w, o := newCached(t)
	o.set(0, "Cache-Control: max-age=60")
	w.body(t)
	same := fetch.Settings{Allow: allowed(), Certificates: certificates(w.server)}
	if err := w.Use(same); err != nil {
		t.Fatal(err)
	}
	if got := w.body(t); got != "1" {
		t.Errorf("the same settings: answer %s", got)
	}
	if err := w.Use(fetch.Settings{Certificates: "nothing"}); err == nil {
		t.Error("certificates that are none were taken")
	}
	if err := w.Use(fetch.Settings{Certificates: same.Certificates}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.get(t.Context(), "/jwks?x=1"); !problem.Is(err, problem.Forbidden) {
		t.Errorf("not allowed any more, but kept, with an open connection: %v, %v", got, err)
	}
}

// Whatever the origin says and whenever it is asked: an answer that did not come
// from it was its last one, could be kept, and is younger than its life. One that
// is fresh by a plain max-age does come from the cache.
func TestNothingIsUsedBeyondItsLife(t *testing.T) {
	t.Parallel()
	w, o := newCached(t)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		in := apart(strconv.Itoa(round))
		var (
			at     time.Time // of the last answer
			most   int
			age    int
			extra  string
			last   string
			steps  = rapid.IntRange(1, 12).Draw(t, "steps")
			extras = []string{"", "", "no-store", "no-cache", "must-revalidate", "private"}
		)
		for range steps {
			w.clock.advance(time.Duration(rapid.IntRange(0, 90).Draw(t, "pass")) * time.Second)
			nextMax, nextAge, nextExtra := rapid.IntRange(0, 120).Draw(t, "max-age"), rapid.IntRange(0, 60).Draw(t, "age"), rapid.SampledFrom(extras).Draw(t, "directive")
			o.set(0, fmt.Sprintf("Cache-Control: max-age=%d, %s", nextMax, nextExtra), fmt.Sprintf("Age: %d", nextAge))
			before := o.requests()
			got, err := w.get(t.Context(), "/", in)
			if err != nil {
				t.Fatal(err)
			}
			passed := int(w.clock.Now().Sub(at) / time.Second)
			fresh := !at.IsZero() && extra != "no-store" && extra != "no-cache" && age+passed < most
			if kept := o.requests() == before; kept != fresh || kept != got.FromCache {
				t.Fatalf("from the cache: %v; max-age %d, age %d, %d s passed, %q", kept, most, age, passed, extra)
			}
			if fresh {
				if string(got.Body) != last || got.Header.Get("Age") != strconv.Itoa(age+passed) {
					t.Fatalf("answer %s of age %s", got.Body, got.Header.Get("Age"))
				}
				continue
			}
			at, most, age, extra, last = w.clock.Now(), nextMax, nextAge, nextExtra, string(got.Body)
		}
	})
}

func FuzzCacheControl(f *testing.F) {
	for _, s := range []string{"max-age=60", `no-cache="a, b", max-age=1`, `a="\",b", no-store`, `"`, ",,=,", "NO-STORE"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, `"\`) {
			_ = fetch.Directives(line, "no-store")
			return
		}
		want := 0
		for part := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(part, "=")
			if strings.ToLower(strings.TrimSpace(name)) == "no-store" {
				want++
			}
		}
		if got := len(fetch.Directives(line, "no-store")); got != want {
			t.Fatalf("%q: %d times no-store, want %d", line, got, want)
		}
	})
}
