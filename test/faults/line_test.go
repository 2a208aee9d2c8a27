//go:build linux

package faults_test

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// line is one of the host's log.
type line struct{ level, message, cause, hint string }

var attribute = regexp.MustCompile(`(\w+)=("(?:[^"\\]|\\.)*"|\S*)`)

func parse(h *gatehousetest.Host, text string) (l line) {
	for _, m := range attribute.FindAllStringSubmatch(text, -1) {
		value := m[2]
		if plain, err := strconv.Unquote(value); err == nil {
			value = plain
		}
		value = tidy(h, value)
		switch m[1] {
		case "level":
			l.level = value
		case "msg":
			l.message = value
		case "error":
			l.cause = value
		case "hint":
			l.hint = value
		}
	}
	return l
}

// find waits for a line of the log with both of these in it, from a place on.
func find(t *testing.T, h *gatehousetest.Host, from int, message, part string) (found line) {
	t.Helper()
	gatehousetest.Eventually(t, "the log says: "+message+" "+part, func() bool {
		for text := range strings.Lines(h.Log.String()[from:]) {
			if strings.Contains(text, message) && strings.Contains(text, part) {
				found = parse(h, text)
				return true
			}
		}
		return false
	})
	return found
}

func (l line) cell() string {
	text := "log: " + l.level + " " + l.message
	if l.cause != "" {
		text += ": " + l.cause
	}
	return text
}

// What is another with each run.
var varying = []struct {
	is *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "SHA-256"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`/\S*/gatehouse-pg\d+`), "SERVER"}, // the folder of its socket
	{regexp.MustCompile("\u00a0"), " "},                    // protobuf writes the one or the other, so that nobody relies on it
	{regexp.MustCompile(`\bpid \d+`), "pid N"},
	{regexp.MustCompile(`\(\d+ vs\.`), "(N vs."}, // the size of a message
	// Whether a connection that there was or a new one is waited for.
	{regexp.MustCompile("(?:timeout: read unix .*|failed to connect to `.*timeout: context deadline exceeded)$"), "TIMEOUT"},
	// Which of the two ends is noticed first, when a connection breaks.
	{regexp.MustCompile(`\b(?:(?:dial|read|readfrom|write) tcp .*|(?:unexpected )?EOF)$`), "BROKEN CONNECTION"},
}

// tidy makes of a text what is the same with each run, and stands in a table.
func tidy(h *gatehousetest.Host, text string) string {
	text = strings.ReplaceAll(text, filepath.Dir(h.Data), "DIR")
	for _, v := range varying {
		text = v.is.ReplaceAllString(text, v.as)
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\n", " "), "|", `\|`)
	const most = 300
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strings.ReplaceAll(text, "<", "&lt;")
}
