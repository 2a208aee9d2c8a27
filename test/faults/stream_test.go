//go:build linux

package faults_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// streams are an event stream and a WebSocket of one client.
type streams struct {
	events *bufio.Scanner
	echo   *websocket.Conn
}

func open(t *testing.T, h *gatehousetest.Host, k gatehousetest.Key) streams {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/api/v1/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = pair(k)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	conn, upgraded, err := websocket.Dial(t.Context(), h.URL+"/api/v1/echo", &websocket.DialOptions{HTTPHeader: pair(k)})
	if err != nil {
		t.Fatal(err)
	}
	_ = upgraded.Body // the connection is its body
	t.Cleanup(func() { _ = conn.CloseNow() })
	return streams{bufio.NewScanner(resp.Body), conn}
}

// goOn checks that another event comes, and what is sent comes back.
func (s streams) goOn(ctx context.Context, who string) error {
	for {
		if !s.events.Scan() {
			return fmt.Errorf("the event stream has ended: %w", s.events.Err())
		}
		if data, ok := strings.CutPrefix(s.events.Text(), "data: "); ok {
			if !strings.Contains(data, `"subject":"`+who+`"`) {
				return fmt.Errorf("the events are those of %s, want %s", data, who)
			}
			break
		}
	}
	if err := s.echo.Write(ctx, websocket.MessageText, []byte("one")); err != nil {
		return err
	}
	_, got, err := s.echo.Read(ctx)
	if err == nil && string(got) != "one" {
		err = fmt.Errorf("the echo is %q", got)
	}
	return err
}

// end waits for both to end, long before the application would end them.
func (s streams) end(t *testing.T) {
	t.Helper()
	for n := 0; s.events.Scan(); n++ {
		if n > 120 {
			t.Fatal("the event stream goes on")
		}
	}
	if _, _, err := s.echo.Read(t.Context()); err == nil {
		t.Error("the WebSocket has a message that nobody sent")
	}
}

func TestStreamsOfTheApplicationEndWithTheKey(t *testing.T) {
	t.Parallel()
	binary := gatehousetest.Build(t, "../../examples/application/cmd/application")
	address := gatehousetest.FreeAddress(t)
	h := before(t, gatehousetest.Options{}, "http://"+address)
	gatehousetest.Daemon(t, address, nil, binary, "-listen", address, "-issuer", h.URL, "-audience", "app")
	h.Start()
	stays := analyst(h, "stays")
	goesOn := open(t, h, stays)
	tests := map[string]struct {
		flags []string
		end   func(gatehousetest.Key)
		code  problem.Code
	}{
		"it is revoked": {nil, h.Revoke, problem.Unauthenticated},
		"it expires":    {[]string{"--lifetime", "4s"}, func(gatehousetest.Key) {}, problem.Expired},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := analyst(h, "leaves-"+string(tt.code[:3]), tt.flags...)
			s := open(t, h, k)
			if err := s.goOn(t.Context(), k.Client); err != nil {
				t.Fatal(err)
			}
			tt.end(k)
			s.end(t)
			execute(t, h, k).refusal(t, http.StatusUnauthorized, tt.code)
			if err := goesOn.goOn(t.Context(), stays.Client); err != nil {
				t.Errorf("the streams of another client: %v", err)
			}
		})
	}
}

// reluctant is an application that reads an upload once it is told to, and
// answers with its size.
func reluctant(t *testing.T) (url string, begin func()) {
	t.Helper()
	told, end := context.WithCancel(t.Context())
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-told.Done():
		case <-r.Context().Done():
			return
		}
		n, err := io.Copy(io.Discard, r.Body)
		if err == nil {
			_, _ = fmt.Fprint(w, n)
		}
	}))
	t.Cleanup(func() {
		end()
		app.CloseClientConnections()
		app.Close()
	})
	return app.URL, end
}

// counted is an upload without a length, that knows how much of it was taken.
type counted struct {
	left int64
	sent atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n := min(int64(len(p)), c.left-c.sent.Load())
	if n == 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	c.sent.Add(n)
	return int(n), nil
}

// stuck waits until nothing more of the upload is taken.
func (c *counted) stuck(t *testing.T) {
	t.Helper()
	var last int64
	same := 0
	gatehousetest.Eventually(t, "the upload waits for the application", func() bool {
		now := c.sent.Load()
		if now != last || now == 0 {
			last, same = now, 0
		}
		same++
		return same > 50
	})
}

func upload(t *testing.T, h *gatehousetest.Host, k gatehousetest.Key, body *counted) <-chan answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/api/v1/query/upload", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = pair(k)
	got := make(chan answer, 1)
	go func() {
		defer close(got)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		a, err := read(resp)
		if err != nil {
			t.Error(err)
		}
		got <- a
	}()
	return got
}

// resident is the memory that a process has now, in bytes.
func resident(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte("VmRSS:"))
	kib, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// An application that does not read is where a proxy that buffers would have to
// keep all that is sent.
func TestUploadsWaitForTheApplication(t *testing.T) {
	t.Parallel()
	const size, most = 100 << 20, 32 << 20 // in bytes
	url, begin := reluctant(t)
	h := before(t, gatehousetest.Options{}, url)
	h.Start()
	k := analyst(h, "my-tenant")
	execute(t, h, gatehousetest.Key{Client: k.Client, Secret: "wrong"}) // what is made at the first request is there
	idle := resident(t, h.PID())
	body := &counted{left: size}
	got := upload(t, h, k, body)
	body.stuck(t)
	if sent := body.sent.Load(); sent > most {
		t.Errorf("%d MiB were taken of an upload that nobody reads", sent>>20)
	}
	if grown := resident(t, h.PID()) - idle; grown > most {
		t.Errorf("the host's memory grew by %d MiB while the application waited", grown>>20)
	}
	begin()
	if a := <-got; a.status != http.StatusOK || a.body != strconv.Itoa(size) {
		t.Errorf("answer %d %s, want %d bytes", a.status, a.body, size)
	}
	if grown := resident(t, h.PID()) - idle; grown > most {
		t.Errorf("the host's memory grew by %d MiB in all", grown>>20)
	}
}

// An upload without a length is a stream too, before there is any answer.
func TestUploadsEndWithTheKey(t *testing.T) {
	t.Parallel()
	url, begin := reluctant(t)
	h := before(t, gatehousetest.Options{}, url)
	h.Start()
	leaves, stays := analyst(h, "leaves"), analyst(h, "stays")
	ends, goesOn := &counted{left: 64 << 20}, &counted{left: 64 << 20}
	refused, answered := upload(t, h, leaves, ends), upload(t, h, stays, goesOn)
	ends.stuck(t)
	goesOn.stuck(t)
	h.Revoke(leaves)
	var a answer
	gatehousetest.Eventually(t, "the upload ends", func() (ended bool) {
		select {
		case a, ended = <-refused:
		default:
		}
		return ended
	})
	a.refusal(t, http.StatusUnauthorized, problem.Unauthenticated)
	begin()
	if a := <-answered; a.status != http.StatusOK || a.body != strconv.Itoa(64<<20) {
		t.Errorf("the upload of another client: %d %s", a.status, a.body)
	}
}
