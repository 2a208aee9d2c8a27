package main

import (
	"bytes"
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// valueOf finds the line that begins with these words, and the word after them.
func valueOf(text, words string) (string, bool) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), words+" "); ok {
			value, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			return strings.TrimSuffix(value, ","), true
		}
	}
	return "", false
}

func TestATableFits(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		width int
		rows  [][]string
		want  string
	}{
		"as wide as it needs": {80, [][]string{{"a", "short"}}, "ID  NAME\na   short\n"},
		"text is cut":         {20, [][]string{{"my-tenant", "the nightly import"}}, "ID         NAME\nmy-tenant  the nigh…\n"},
		"an id never is":      {12, [][]string{{"a-very-long-tenant", "the nightly import"}}, "ID                  NAME\na-very-long-tenant  the nig…\n"},
		"letters, not bytes":  {80, [][]string{{"ä", "ß"}, {"b", "c"}}, "ID  NAME\nä   ß\nb   c\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			term := &terminal{out: &out, width: tt.width}
			if err := term.table([]column{{title: "ID"}, {title: "NAME", cut: true}}, tt.rows); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRelative(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for want, d := range map[string]time.Duration{
		"in 14 days":   14*24*time.Hour + time.Hour,
		"in 1 day":     24 * time.Hour,
		"in 23 hours":  24*time.Hour - time.Second,
		"in 1 second":  time.Second,
		"now":          0,
		"1 minute ago": -time.Minute,
		"2 hours ago":  -2*time.Hour - time.Minute,
	} {
		if got := relative(now.Add(d), now, "never"); got != want {
			t.Errorf("%s from now is %q, want %q", d, got, want)
		}
	}
	if got := relative(time.Time{}, now, "never"); got != "never" {
		t.Errorf("no time is %q", got)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "0d": 0, "24h": 24 * time.Hour, "1h30m": 90 * time.Minute, "0s": 0} {
		var s span
		if err := s.UnmarshalText([]byte(text)); err != nil || time.Duration(s) != want {
			t.Errorf("%q is %s, %v; want %s", text, time.Duration(s), err, want)
		}
	}
	for _, text := range []string{"", "d", "1", "-1d", "-1h", "1.5d", "200000d", "99999999999999999999d", "1 day"} {
		var s span
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken as %s", text, time.Duration(s))
		}
	}
}

func TestLifetime(t *testing.T) {
	t.Parallel()
	var l lifetime
	if err := l.UnmarshalText([]byte("90d")); err != nil || time.Duration(l.span) != 90*24*time.Hour {
		t.Errorf("%v, %v", l, err)
	}
	for _, text := range []string{"0s", "0d", "-1h", ""} {
		if err := new(lifetime).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	t.Parallel()
	if got := (&terminal{}).warn("x"); got != "x" {
		t.Errorf("%q", got)
	}
	if got := (&terminal{color: true}).warn("x"); got != "\x1b[33mx\x1b[0m" {
		t.Errorf("%q", got)
	}
}

// Names come from others: what they hold is shown, and never obeyed.
func TestNothingOfOthersReachesTheTerminal(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":           {"Zoë 東京 👩‍🚀", "Zoë 東京 👩‍🚀"},
		"window title":      {"a\x1b]0;owned\ab", "a\ufffd]0;owned\ufffdb"},
		"line over another": {"refused\rgranted\x1b[2K", "refused\ufffdgranted\ufffd[2K"},
		"another line":      {"Zed\n\nRoles\n  admin", "Zed\ufffd\ufffdRoles\ufffd  admin"},
		"line of Unicode":   {"a\u2028b", "a\ufffdb"},
		"our own colours":   {"\x1b[1mx\x1b[0m", "\ufffd[1mx\ufffd[0m"},
		"C1":                {"a\u009b2Jb", "a\ufffd2Jb"},
		"no UTF-8":          {"a\x9b2J\xffb\x1b", "a\ufffd2J\ufffdb\ufffd"},
		"direction":         {"a\u202etxt.exe", "a\ufffdtxt.exe"},
		"nothing to see":    {"ad\u200bmin", "ad\ufffdmin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := (&terminal{out: &out}).printf("%s", tt.text); err != nil || out.String() != tt.want {
				t.Errorf("%q, %v; want %q", out.String(), err, tt.want)
			}
		})
	}
}

// The first signal ends the context, the second the process.
func TestTwoSignals(t *testing.T) {
	for name, tt := range map[string]struct {
		signal syscall.Signal
		status int
	}{"SIGINT": {syscall.SIGINT, 130}, "SIGTERM": {syscall.SIGTERM, 143}} {
		t.Run(name, func(t *testing.T) {
			exited := make(chan int, 1)
			ctx, stop := interruptible(context.WithoutCancel(t.Context()), func(status int) { exited <- status })
			defer stop()
			if err := syscall.Kill(syscall.Getpid(), tt.signal); err != nil {
				t.Fatal(err)
			}
			<-ctx.Done()
			select {
			case status := <-exited:
				t.Fatalf("the first signal exits with %d", status)
			default:
			}
			if err := syscall.Kill(syscall.Getpid(), tt.signal); err != nil {
				t.Fatal(err)
			}
			if status := <-exited; status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
		})
	}
}
