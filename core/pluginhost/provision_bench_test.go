package pluginhost_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// yielding is a directory that says yes at once.
type yielding struct{}

func (yielding) Find(context.Context, pluginhost.Caller, directory.Query) (directory.Page, error) {
	return directory.Page{}, nil
}

func (yielding) Members(context.Context, pluginhost.Caller, string, string, int) ([]directory.Member, bool, error) {
	return nil, false, nil
}

func (yielding) Apply(_ context.Context, _ pluginhost.Caller, changes []directory.Change) ([]directory.Outcome, error) {
	out := make([]directory.Outcome, len(changes))
	for i := range out {
		out[i] = directory.Outcome{ID: "u", Version: 1, Changed: true}
	}
	return out, nil
}

// BenchmarkHandle is one request of an IdP over the real boundary, alone, with a
// Find inside, and with an Apply. The CPU is that of both processes.
func BenchmarkHandle(b *testing.B) {
	h := newHost(b, func(o *pluginhost.Options) { o.Directory = yielding{} })
	h.start(b, h.bundled("provisioner"))
	h.provisioner(b, "push", "acme-okta/push")
	user := `{"userName":"bjensen@example.com","name":{"givenName":"Barbara","familyName":"Jensen"},"emails":[{"value":"bjensen@example.com","type":"work","primary":true}],"active":true,"displayName":"Babs Jensen","title":"Tour Guide"}`
	pid := h.status(b, "provisioner").PID
	for _, way := range []struct{ name, target, body string }{
		{"alone", "/answer?nothing", ""}, {"find", "/find", ""}, {"apply", "/create", user},
	} {
		for _, callers := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/%d", way.name, callers), func(b *testing.B) {
				before := cpuTime(b, pid)
				var working sync.WaitGroup
				for n := range callers {
					working.Go(func() {
						for i := n; i < b.N; i += callers {
							answer, err := h.Handle(b.Context(), "acme-okta/push", "acme", request("POST", way.target, way.body))
							if err != nil {
								b.Error(err)
								return
							}
							_, _ = io.Copy(io.Discard, answer.Body)
							_ = answer.Body.Close()
						}
					})
				}
				working.Wait()
				b.ReportMetric((cpuTime(b, pid)-before)/float64(b.N), "cpu-µs/op")
			})
		}
	}
}

// cpuTime is how long this process and another have run, in µs.
func cpuTime(tb testing.TB, pid int) float64 {
	tb.Helper()
	var sum float64
	for _, p := range []int{os.Getpid(), pid} {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p))
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			if err != nil {
				continue // it has ended
			}
			var ran float64
			if _, err := fmt.Fscan(strings.NewReader(string(text)), &ran); err == nil {
				sum += ran / 1000
			}
		}
	}
	return sum
}
