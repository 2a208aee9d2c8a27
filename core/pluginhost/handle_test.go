package pluginhost

import (
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func TestHandles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h, now := newHandles(rand.Reader), time.Unix(1000, 0)
		type opened struct {
			scope scope
			end   func()
		}
		live, dead := map[string]opened{}, map[string]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				s := scope{Instance: rapid.String().Draw(t, "instance"), Organization: rapid.String().Draw(t, "organization"),
					Deadline: now.Add(time.Duration(rapid.IntRange(1, 10).Draw(t, "seconds")) * time.Second)}
				handle, end, err := h.open(s)
				if err != nil || live[handle].end != nil || dead[handle] {
					t.Fatalf("%q, %v", handle, err)
				}
				live[handle] = opened{s, end}
			},
			"end": func(t *rapid.T) {
				for handle, o := range live {
					o.end()
					delete(live, handle)
					dead[handle] = true
					return
				}
			},
			"wait": func(*rapid.T) { now = now.Add(time.Second) },
			"": func(t *rapid.T) {
				for handle, o := range live {
					got, err := h.scope(handle, now)
					if now.Before(o.scope.Deadline) {
						if diff := cmp.Diff(o.scope, got); err != nil || diff != "" {
							t.Fatalf("%v\n%s", err, diff)
						}
					} else if err == nil {
						t.Fatal("a handle outlived its deadline")
					}
				}
				for handle := range dead {
					if _, err := h.scope(handle, now); err == nil {
						t.Fatal("a handle outlived its call")
					}
				}
			},
		})
	})
}

func TestHandleThatIsNone(t *testing.T) {
	t.Parallel()
	h := newHandles(rand.Reader)
	good, _, err := h.open(scope{Deadline: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	for name, handle := range map[string]string{
		"empty": "", "short": good[:21], "long": good + "A", "two": good + good, "padded": good + "==",
		"lines": good[:10] + "\n" + good[10:], "zero": strings.Repeat("A", 22), "huge": strings.Repeat("A", 1<<20), "other": "/etc/passwd",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := h.scope(handle, time.Now()); !problem.Is(err, problem.Forbidden) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestHandleNeedsRandomness(t *testing.T) {
	t.Parallel()
	if _, _, err := newHandles(strings.NewReader("short")).open(scope{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkHandle(b *testing.B) {
	h := newHandles(rand.Reader)
	s := scope{Instance: "apikey", Organization: "acme", Deadline: time.Now().Add(time.Hour)}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			handle, end, err := h.open(s)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := h.scope(handle, s.Deadline.Add(-time.Second)); err != nil {
				b.Fatal(err)
			}
			end()
		}
	})
}
