package admin_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/admin"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// folder is a path that is short enough for a socket.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gha")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

func listen(t *testing.T, dir string) (*admin.Socket, error) {
	t.Helper()
	return admin.Listen(t.Context(), dir, admin.New(admin.Options{Random: rand.Reader, Logger: slog.New(slog.DiscardHandler)}))
}

// open serves the API on a socket in dir until the end of the test.
func (h *host) open(t *testing.T, dir string) *admin.Socket {
	t.Helper()
	s, err := admin.Listen(t.Context(), dir, h.api)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

// local is the Go client over a socket.
func (h *host) local(t *testing.T) *wire.Host {
	t.Helper()
	c, err := wire.Dial(t.Context(), wire.Options{Socket: h.open(t, folder(t)).Path()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheSocketIsForItsUserOnly(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	dir := folder(t)
	h.open(t, dir)
	for path, want := range map[string]os.FileMode{
		dir:                                 os.ModeDir | 0o700,
		filepath.Join(dir, wire.SocketName): os.ModeSocket | 0o600,
		filepath.Join(dir, wire.TokenName):  0o600,
	} {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", filepath.Base(path), info.Mode(), want)
		}
	}
}

func TestTheSocketAsksForItsToken(t *testing.T) {
	h := newHost(t, storetest.Open(t, storetest.SQLite(t)))
	dir := folder(t)
	path := h.open(t, dir).Path()
	_, token := h.token(t)
	other, err := secret.New(rand.Reader, "ghl", "local")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	right, err := os.ReadFile(filepath.Join(dir, wire.TokenName))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		header string
		status int
	}{
		"none":               {"", 401},
		"an empty one":       {"Bearer ", 401},
		"another start's":    {"Bearer " + other.Reveal(), 401},
		"an admin token":     {"Bearer " + token.Reveal(), 401},
		"Basic":              {"Basic " + strings.TrimSpace(string(right)), 401},
		"a part of it":       {"Bearer " + string(right[:20]), 401},
		"that of the socket": {"Bearer " + strings.TrimSpace(string(right)), 200},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+wire.Prefix+"/status", nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.header != "" {
				req.Header.Set("Authorization", tt.header)
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d", res.StatusCode, tt.status)
			}
		})
	}
}

func TestTheTokenOfOneStartEndsWithIt(t *testing.T) {
	dir := folder(t)
	var tokens []string
	for range 2 {
		s, err := listen(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, wire.TokenName))
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, string(text))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{wire.SocketName, wire.TokenName} {
			if _, err := os.Lstat(filepath.Join(dir, name)); !os.IsNotExist(err) {
				t.Errorf("%s is still there: %v", name, err)
			}
		}
	}
	if tokens[0] == tokens[1] {
		t.Error("two starts have one token")
	}
}

func TestWhoIsInTheFolder(t *testing.T) {
	leave := func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("unix", filepath.Join(dir, wire.SocketName))
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false) // as a host that was killed
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, wire.TokenName), []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		before func(*testing.T, string)
		words  string // of the refusal; empty: none
	}{
		"nobody":      {func(*testing.T, string) {}, ""},
		"a dead host": {leave, ""},
		"a live host": {func(t *testing.T, dir string) {
			s, err := listen(t, dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
		}, "another host uses"},
		"a file of somebody else": {func(t *testing.T, dir string) {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, wire.SocketName), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not ours"},
		"a link for the token": {func(t *testing.T, dir string) {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("/dev/null", filepath.Join(dir, wire.TokenName)); err != nil {
				t.Fatal(err)
			}
		}, "not ours"},
		"everybody": {func(t *testing.T, dir string) {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}, "open to other users"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t)
			tt.before(t, dir)
			s, err := listen(t, dir)
			if err == nil {
				defer func() { _ = s.Close() }()
			}
			switch {
			case tt.words == "" && err != nil:
				t.Fatal(err)
			case tt.words != "" && (err == nil || !strings.Contains(err.Error(), tt.words)):
				t.Fatalf("error %v, want one with %q", err, tt.words)
			case err != nil:
				return
			}
			info, err := os.Lstat(filepath.Join(dir, wire.TokenName))
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("token: %v, %v", info, err)
			}
		})
	}
}

func TestAPathThatIsTooLong(t *testing.T) {
	dir := filepath.Join(folder(t), strings.Repeat("x", 100))
	_, err := listen(t, dir)
	if !problem.Is(err, problem.Invalid) || !strings.Contains(problem.As(err).Hint, "shorter") {
		t.Fatalf("error %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Error("the folder was made all the same")
	}
}
