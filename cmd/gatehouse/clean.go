package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The sequences that the terminal's own texts have.
const (
	boldOn = "\x1b[1m"
	warnOn = "\x1b[33m"
	off    = "\x1b[0m"
)

// clean takes out what a terminal would obey instead of showing, but for our own
// colours: names come from identity providers and programs, and one with an escape
// sequence could hide a line of a list, or write another.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, obeyed) < 0 {
		return s
	}
	var b strings.Builder
	for s != "" {
		own := ""
		for _, sequence := range []string{boldOn, warnOn, off} {
			if strings.HasPrefix(s, sequence) {
				own = sequence
			}
		}
		if own != "" {
			b.WriteString(own)
			s = s[len(own):]
			continue
		}
		first, size := utf8.DecodeRuneInString(s)
		if obeyed(first) {
			first = unicode.ReplacementChar
		}
		b.WriteRune(first)
		s = s[size:]
	}
	return b.String()
}

// obeyed are the control characters, with those of Unicode that change the
// direction in which a line is written.
func obeyed(r rune) bool {
	return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}

func (t *terminal) print(w io.Writer, format string, args ...any) error {
	_, err := io.WriteString(w, clean(fmt.Sprintf(format, args...)))
	return err
}

func (t *terminal) printf(format string, args ...any) error { return t.print(t.out, format, args...) }

// complain is printf for what went wrong.
func (t *terminal) complain(format string, args ...any) { _ = t.print(t.err, format, args...) }

func (t *terminal) bold(s string) string { return t.paint(boldOn, s) }
func (t *terminal) warn(s string) string { return t.paint(warnOn, s) }

func (t *terminal) paint(on, s string) string {
	if !t.color {
		return s
	}
	return on + s + off
}
