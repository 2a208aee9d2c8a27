package pluginhost_test

import (
	"strings"
	"testing"
)

func TestPluginLogJoinsTheHosts(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.ready(t, "good")
	eventually(t, "the line is there", func() bool { return len(h.log.entries(t, "configured")) == 1 })
	got := h.log.entries(t, "configured")[0]
	if got["plugin"] != "good" || got["level"] != "INFO" || got["answer"] != 42.0 || got["instance"] != "good" || got["_plugin"] != "somebody else" {
		t.Errorf("got %v", got)
	}
}

func TestLogLinesThatLie(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.ready(t, "noisy-json") // the host would be gone by now if it trusted them
	eventually(t, "the last line is there", func() bool { return len(h.log.entries(t, "spoof")) == 1 })
	got := h.log.entries(t, "spoof")[0]
	if got["plugin"] != "noisy-json" || got["level"] != "WARN" || got["msg"] != "spoof" {
		t.Errorf("a plugin writes for the host: %v", got)
	}
	if h.log.entries(t, "time is a list") == nil {
		t.Error("a line with an odd time is lost")
	}
}

func TestFloodOfOutputBlocksNobody(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	p := h.ready(t, "good")
	for _, word := range []string{"shout", "long-line"} {
		if _, err := p.Verify(t.Context(), "acme", present(word)); err != nil {
			t.Errorf("%s: %v", word, err)
		}
	}
	if _, err := p.Verify(t.Context(), "acme", present("right")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if h.log.entries(t, "lines were dropped") == nil {
		t.Error("nobody is told of the lines that were dropped")
	}
	for line := range strings.Lines(h.log.String()) {
		if len(line) > 8<<10 {
			t.Fatalf("a line of %d bytes is in the log", len(line))
		}
	}
}
