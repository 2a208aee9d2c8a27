package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// painted is text that has the terminal's own sequences in it.
type painted string

// lines is text of several lines, such as a report.
type lines string

// clean takes out what a terminal would obey instead of showing, and what shows
// nothing: names come from identity providers and programs, and one with a line
// break or an escape sequence could write a line of a list, or hide one. The two
// joiners are parts of words and of emoji.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\u200c' || r == '\u200d':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// print writes what is said. Texts in it are cleaned; those of several lines have
// to be given as lines.
func (t *terminal) print(w io.Writer, format string, args ...any) error {
	for i, a := range args {
		switch a := a.(type) {
		case string:
			args[i] = clean(a)
		case lines:
			args[i] = cleanLines(string(a))
		case error:
			args[i] = cleanLines(a.Error())
		}
	}
	_, err := fmt.Fprintf(w, format, args...)
	return err
}

func cleanLines(s string) string {
	var cleaned []string
	for line := range strings.SplitSeq(s, "\n") {
		cleaned = append(cleaned, clean(line))
	}
	return strings.Join(cleaned, "\n")
}

func (t *terminal) printf(format string, args ...any) error { return t.print(t.out, format, args...) }

// complain is printf for what went wrong.
func (t *terminal) complain(format string, args ...any) { _ = t.print(t.err, format, args...) }

func (t *terminal) bold(s string) painted { return t.paint("1", s) }
func (t *terminal) warn(s string) painted { return t.paint("33", s) }

func (t *terminal) paint(code, s string) painted {
	s = clean(s)
	if !t.color {
		return painted(s)
	}
	return painted("\x1b[" + code + "m" + s + "\x1b[0m")
}
