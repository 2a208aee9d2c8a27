//go:build unix

package pluginhost

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// The limits of what a plugin may put into the host's log.
const (
	lineLimit      = 16 << 10 // bytes of one line; the rest of it is cut
	valueLimit     = 2 << 10  // bytes of a message or of an attribute's text
	attributeLimit = 32       // attributes of one line
	tailLimit      = 4 << 10  // bytes of standard error told when a start fails
)

// reservedKeys are the host's own in a log record: a plugin's attribute of such
// a name is kept under another, so that it cannot pass for the host's.
var reservedKeys = []string{slog.TimeKey, slog.LevelKey, slog.MessageKey, slog.SourceKey, "plugin"}

// pluginLog joins what one process writes to the host's log, under the plugin's
// name. It takes standard error in hclog's JSON or as plain text, everything
// that was printed, and go-plugin's own messages.
type pluginLog struct {
	log   *slog.Logger
	flood *flood

	mu    sync.Mutex
	tail  []byte
	panic bool // standard error is within the text of a panic
}

func newPluginLog(log *slog.Logger, plugin string) *pluginLog {
	return &pluginLog{log: log.With("plugin", plugin), flood: newFlood(time.Now())}
}

// hclog is the logger that go-plugin gets. Its level is off, so that go-plugin
// prints nothing itself; messages reach Accept all the same.
func (l *pluginLog) hclog() hclog.Logger {
	logger := hclog.NewInterceptLogger(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard})
	logger.RegisterSink(l)
	return logger
}

// Accept implements hclog.SinkAdapter for go-plugin's own messages.
func (l *pluginLog) Accept(_ string, level hclog.Level, msg string, args ...any) {
	var attrs []slog.Attr
	for i := 0; i+1 < len(args); i += 2 {
		if key, ok := args[i].(string); ok && key != "plugin" {
			attrs = append(attrs, slog.Any(key, args[i+1]))
		}
	}
	if level == hclog.Error || level == hclog.Warn {
		level = hclog.Debug // the supervisor says what it means
	}
	l.write(slogLevel(level), msg, attrs)
}

func slogLevel(level hclog.Level) slog.Level {
	switch level {
	case hclog.Info:
		return slog.LevelInfo
	case hclog.Warn:
		return slog.LevelWarn
	case hclog.Error:
		return slog.LevelError
	}
	return slog.LevelDebug
}

// readStderr logs lines until there are no more.
func (l *pluginLog) readStderr(r io.Reader) {
	eachLine(r, func(line []byte) {
		l.remember(line)
		l.stderrLine(line)
	})
	l.flush()
}

// eachLine calls f with every line, cut at the limit.
func eachLine(r io.Reader, f func([]byte)) {
	lines := bufio.NewReaderSize(r, lineLimit)
	for {
		line, cut, err := lines.ReadLine()
		if err != nil {
			return
		}
		f(line)
		for cut && err == nil {
			_, cut, err = lines.ReadLine()
		}
	}
}

func (l *pluginLog) stderrLine(line []byte) {
	if level, msg, attrs, ok := parseEntry(line); ok {
		l.write(level, msg, attrs)
		return
	}
	level, text := slog.LevelInfo, string(line)
	switch {
	case l.inPanic(text):
		level = slog.LevelError
		if !strings.HasPrefix(text, "goroutine ") {
			text = "panic: [redacted]"
		}
	case strings.HasPrefix(text, "fatal error: "):
		level = slog.LevelError
	}
	l.write(level, text, nil)
}

// inPanic reports whether the line is within the value of a panic, which is
// text of anybody's making and may hold a secret. The stack that follows it,
// from "goroutine" on, does not.
func (l *pluginLog) inPanic(line string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case strings.HasPrefix(strings.TrimSpace(line), "panic: "):
		l.panic = true
	case l.panic && strings.HasPrefix(line, "goroutine "):
		l.panic = false
		return true
	}
	return l.panic
}

// parseEntry reads a line of hclog's JSON. Its values come from the plugin: no
// type is taken for granted.
func parseEntry(line []byte) (slog.Level, string, []slog.Attr, bool) {
	var entry map[string]any
	if len(line) == 0 || line[0] != '{' || json.Unmarshal(line, &entry) != nil {
		return 0, "", nil, false
	}
	msg, isText := entry["@message"].(string)
	level, isLevel := entry["@level"].(string)
	if !isText || !isLevel {
		return 0, "", nil, false
	}
	var attrs []slog.Attr
	for key, value := range entry {
		if !strings.HasPrefix(key, "@") {
			attrs = append(attrs, slog.Any(key, value))
		}
	}
	slices.SortFunc(attrs, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
	return slogLevel(hclog.LevelFromString(level)), msg, attrs, true
}

// write puts one line into the host's log, within the limits.
func (l *pluginLog) write(level slog.Level, msg string, attrs []slog.Attr) {
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	pass, dropped := l.flood.pass(time.Now())
	if dropped > 0 {
		l.report(dropped)
	}
	if !pass {
		return
	}
	attrs = attrs[:min(len(attrs), attributeLimit)]
	for i, a := range attrs {
		if slices.Contains(reservedKeys, a.Key) {
			attrs[i].Key = "_" + a.Key
		}
		if text, ok := a.Value.Any().(string); ok {
			attrs[i].Value = slog.StringValue(cut(text, valueLimit))
		}
	}
	l.log.LogAttrs(context.Background(), level, cut(msg, valueLimit), attrs...) //nolint:sloglint // the message is the plugin's own
}

func (l *pluginLog) report(dropped int) {
	l.log.Warn("the plugin writes too much: log lines were dropped", "dropped", dropped)
}

// flush tells of lines that were dropped and not yet told of.
func (l *pluginLog) flush() {
	if dropped := l.flood.take(); dropped > 0 {
		l.report(dropped)
	}
}

// remember keeps the last lines, for the message of a start that failed.
func (l *pluginLog) remember(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(append(l.tail, line...), '\n')
	if over := len(l.tail) - tailLimit; over > 0 {
		l.tail = slices.Delete(l.tail, 0, over)
	}
}

// lastLines are the last lines on standard error. Only for a process that has
// been told no secret yet.
func (l *pluginLog) lastLines() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.ToValidUTF8(strings.TrimSpace(string(l.tail)), "?")
}

// writer logs what is printed on one of the process's own outputs.
func (l *pluginLog) writer(name string) io.Writer { return &lineWriter{log: l, output: name} }

type lineWriter struct {
	log    *pluginLog
	output string

	mu  sync.Mutex
	buf []byte
}

// Write implements io.Writer; it never fails, so that nothing stops reading.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf, p...)
	for {
		end := bytes.IndexByte(w.buf, '\n')
		if end < 0 {
			break
		}
		w.line(w.buf[:end])
		w.buf = w.buf[end+1:]
	}
	if len(w.buf) > lineLimit {
		w.line(w.buf)
		w.buf = nil
	}
	return len(p), nil
}

func (w *lineWriter) line(text []byte) {
	w.log.write(slog.LevelInfo, strings.ToValidUTF8(string(text), "?"), []slog.Attr{slog.String("output", w.output)})
}

// cut shortens a text to a number of bytes, at a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
