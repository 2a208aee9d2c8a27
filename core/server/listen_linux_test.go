package server_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-id/gatehouse/core/server"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// An address that cannot be listened on is refused in words: what is the matter,
// who is in the way, and what to do.
func TestAnAddressThatCannotBeListenedOn(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	us := fmt.Sprintf("process %d (", os.Getpid())
	for name, tt := range map[string]struct {
		listen, admin string
		code          problem.Code
		want          []string
	}{
		"in use":                {"127.0.0.1:" + port, "", problem.Conflict, []string{"listen 127.0.0.1:" + port, us, "--listen"}},
		"in use, everywhere":    {":" + port, "", problem.Conflict, []string{us}},
		"for operators":         {"127.0.0.1:0", "127.0.0.1:" + port, problem.Conflict, []string{"admin_listen 127.0.0.1:" + port, us, "admin_listen in the server block"}},
		"not of this machine":   {"192.0.2.1:0", "", problem.Invalid, []string{"no address 192.0.2.1:0", "ip address"}},
		"no address":            {"127.0.0.1", "", problem.Invalid, []string{"127.0.0.1 cannot be listened on", "choose another"}},
		"a port without a name": {"127.0.0.1:no-such-port", "", problem.Invalid, []string{"cannot be listened on"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := server.New(t.Context(), server.Options{
				Listen: tt.listen, AdminListen: tt.admin, Admin: http.NotFoundHandler(), Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
			})
			if !problem.Is(err, tt.code) {
				t.Fatalf("got %v", err)
			}
			p := problem.As(err)
			for _, part := range tt.want {
				if said := p.Detail + "\n" + p.Hint; !strings.Contains(said, part) {
					t.Errorf("%q is missing in %q", part, said)
				}
			}
			if tt.code == problem.Conflict && p.Unwrap() != nil {
				t.Errorf("it ends in %v", p.Unwrap())
			}
		})
	}
}
