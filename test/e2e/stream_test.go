//go:build linux

package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// events opens the demonstration's event stream and reads its first event.
func events(t *testing.T, h *gatehousetest.Host, k gatehousetest.Key) *bufio.Scanner {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/api/v1/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = pair(k)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	for _, want := range []string{"id: 1", `data: {"subject":"` + k.Client, ""} {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), want) {
			t.Fatalf("line %q, want %q (%v)", lines.Text(), want, lines.Err())
		}
	}
	return lines
}

func dialEcho(t *testing.T, h *gatehousetest.Host, k gatehousetest.Key) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), h.URL+"/api/v1/echo", &websocket.DialOptions{HTTPHeader: pair(k)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	if err := echoes(t.Context(), conn, "one"); err != nil {
		t.Fatal(err)
	}
	return conn
}

func echoes(ctx context.Context, conn *websocket.Conn, text string) error {
	if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		return err
	}
	_, got, err := conn.Read(ctx)
	if err == nil && string(got) != text {
		err = fmt.Errorf("sent %q, got %q", text, got)
	}
	return err
}

// A revocation ends the streams of its key, and no others.
func TestStreamsEndWithTheKey(t *testing.T) {
	t.Parallel()
	h := before(t, gatehousetest.Options{})
	h.Start()
	leaves, stays := analyst(h, "leaves"), analyst(h, "stays")
	ends, goesOn := events(t, h, leaves), events(t, h, stays)
	socketEnds, socketGoesOn := dialEcho(t, h, leaves), dialEcho(t, h, stays)
	h.Revoke(leaves)
	for ends.Scan() {
		if strings.HasPrefix(ends.Text(), "id: 30") {
			t.Fatal("the event stream goes on")
		}
	}
	if _, _, err := socketEnds.Read(t.Context()); err == nil {
		t.Error("the WebSocket got a message that nobody has sent")
	}
	for range 6 { // two more events
		if !goesOn.Scan() {
			t.Fatalf("the stream of another client has ended: %v", goesOn.Err())
		}
	}
	if err := echoes(t.Context(), socketGoesOn, "two"); err != nil {
		t.Errorf("the WebSocket of another client: %v", err)
	}
	_, resp, err := websocket.Dial(t.Context(), h.URL+"/api/v1/echo", &websocket.DialOptions{HTTPHeader: pair(leaves)})
	if err == nil || resp == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the revoked key opens a WebSocket: %v, %v", resp, err)
	}
}

// counting is an application that reads what is uploaded, and answers with its
// size. It says when it has seen the first bytes.
func counting() (app http.Handler, first chan string) {
	first = make(chan string, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 64)
		n, _ := r.Body.Read(buf)
		select {
		case first <- string(buf[:n]):
		default:
		}
		rest, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			return
		}
		_, _ = fmt.Fprint(w, int64(n)+rest)
	}), first
}

func TestUploadsAreStreamed(t *testing.T) {
	t.Parallel()
	app, first := counting()
	h := gatehousetest.New(t, gatehousetest.Options{})
	furnish(t, h, app, "60s")
	h.Start()
	k := analyst(h, "my-tenant")

	upload := func(body io.Reader) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/api/v1/query/upload", body)
		if err != nil {
			return nil, err
		}
		req.Header = pair(k)
		return client.Do(req)
	}
	text := func(resp *http.Response, err error) string {
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		a, err := read(resp)
		return fmt.Sprint(a.status, " ", a.body, " ", err)
	}

	t.Run("the application sees the begin before the end is sent", func(t *testing.T) {
		body, write := io.Pipe()
		got := make(chan string, 1)
		go func() { got <- text(upload(body)) }()
		if _, err := write.Write([]byte("begin")); err != nil {
			t.Fatal(err)
		}
		if seen := <-first; seen != "begin" {
			t.Errorf("the application saw %q first", seen)
		}
		if err := errors.Join(func() error { _, err := write.Write([]byte("end")); return err }(), write.Close()); err != nil {
			t.Fatal(err)
		}
		if answer := <-got; answer != "200 8 <nil>" {
			t.Errorf("answer %s", answer)
		}
	})
	t.Run("a large one costs no memory", func(t *testing.T) {
		const size, most = 100 << 20, 40 << 20 // in bytes
		before := peak(t, h.PID())
		body := io.MultiReader(io.LimitReader(zeros{}, size)) // of a length that the client does not know
		if answer, want := text(upload(body)), fmt.Sprint("200 ", size, " <nil>"); answer != want {
			t.Errorf("answer %s, want %s", answer, want)
		}
		if grown := peak(t, h.PID()) - before; grown > most {
			t.Errorf("the host's memory grew by %d MiB", grown>>20)
		}
	})
}

// zeros has no end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// peak is the most memory that a process has had so far, in bytes.
func peak(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte("VmHWM:"))
	kib, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// Who asks before sending a body (RFC 9110, section 10.1.1) is told to go on
// only if the request may pass.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	app, _ := counting()
	h := gatehousetest.New(t, gatehousetest.Options{})
	furnish(t, h, app, "60s")
	h.Start()
	k := analyst(h, "my-tenant")
	tests := map[string]struct {
		secret string
		first  string
		then   string
	}{
		"may pass": {k.Secret, "HTTP/1.1 100 Continue", "200 5"},
		"may not":  {"wrong", "HTTP/1.1 401 Unauthorized", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", h.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, err = fmt.Fprintf(conn, "POST /api/v1/query/upload HTTP/1.1\r\nHost: %s\r\nX-Client-Id: my-tenant\r\nX-Client-Secret: %s\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", h.Addr, tt.secret)
			if err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(conn)
			line, err := in.ReadString('\n')
			if err != nil || strings.TrimSpace(line) != tt.first {
				t.Fatalf("the first line is %q, want %q (%v)", line, tt.first, err)
			}
			if tt.then == "" {
				return
			}
			if _, err := in.ReadString('\n'); err != nil { // the empty line
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, "hello"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(in, nil)
			for err == nil && resp.StatusCode == http.StatusContinue { // the application's own comes as well
				resp, err = http.ReadResponse(in, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if a, err := read(resp); err != nil || fmt.Sprint(a.status, " ", a.body) != tt.then {
				t.Errorf("answer %d %s, want %s (%v)", a.status, a.body, tt.then, err)
			}
		})
	}
}
