package config

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
)

const (
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	plain  = "\x1b[0m"
)

// WriteText writes the diagnostics for people, each with its place, the line
// that it is about and what was expected. Details are wrapped at width
// characters; 0 leaves them in one line.
func (r *Report) WriteText(w io.Writer, width int, color bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := bufio.NewWriter(w)
	for i, e := range r.sorted() {
		if i > 0 {
			fmt.Fprintln(out)
		}
		on, off := "", ""
		if color {
			on, off = red, plain
			if e.severity == diag.Warning {
				on = yellow
			}
		}
		fmt.Fprintf(out, "%s%s:%s %s [%s]\n", on, e.severity, off, clean(e.summary), e.code)
		if p := r.page(e); p != nil {
			at := *e.at
			fmt.Fprintf(out, "  on %s line %d", clean(at.Filename), at.Start.Line)
			if e.code == CodeSyntax { // the line below may be hidden, and what is wrong can be one character
				fmt.Fprintf(out, ", column %d", at.Start.Column)
			}
			if c := p.context(at); c != "" {
				fmt.Fprintf(out, ", in %s", clean(c))
			}
			fmt.Fprintln(out, ":")
			s := p.snippet(at)
			number := fmt.Sprintf("  %4d: ", at.Start.Line)
			fmt.Fprintf(out, "%s%s\n", number, s.text)
			fmt.Fprintf(out, "%s%s%s%s\n", strings.Repeat(" ", len(number)+s.mark.from), on, strings.Repeat("^", s.mark.to-s.mark.from), off)
		}
		for _, l := range wrap(clean(e.detail), width-2) {
			fmt.Fprintf(out, "  %s\n", l)
		}
	}
	if r.more > 0 {
		fmt.Fprintf(out, "\n%d more errors are not shown.\n", r.more)
	}
	return out.Flush()
}

func (r *Report) page(e entry) *page {
	if e.at == nil {
		return nil
	}
	return r.files[e.at.Filename]
}

// document is the shape of WriteJSON.
type document struct {
	Version     int       `json:"version"` // 1; a change that could break a reader makes it 2
	Valid       bool      `json:"valid"`
	Omitted     int       `json:"omitted,omitempty"` // errors that are not in the list
	Diagnostics []message `json:"diagnostics"`
}

type message struct {
	Severity string   `json:"severity"` // "error" or "warning"
	Code     Code     `json:"code"`
	Summary  string   `json:"summary"`
	Detail   string   `json:"detail"`
	File     string   `json:"file,omitempty"`
	Start    *place   `json:"start,omitempty"`
	End      *place   `json:"end,omitempty"`
	Block    string   `json:"block,omitempty"` // such as client "my-tenant"
	Path     []string `json:"path,omitempty"`  // such as client, my-tenant, roles, 0
	Snippet  string   `json:"snippet,omitempty"`
}

type place struct {
	Line   int `json:"line"`   // from 1
	Column int `json:"column"` // from 1, in characters as a reader counts them
	Byte   int `json:"byte"`   // from 0, in the whole file
}

func placeOf(p hcl.Pos) *place { return &place{p.Line, p.Column, p.Byte} }

// WriteJSON writes the diagnostics for editors and scripts: an object with
// "version" (1), "valid", and "diagnostics", a list of objects with severity,
// code, summary and detail, and where they are known file, start and end (line,
// column, byte), block, path and snippet.
func (r *Report) WriteJSON(w io.Writer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	doc := document{Version: 1, Valid: !r.failed(), Omitted: r.more, Diagnostics: []message{}}
	for _, e := range r.sorted() {
		m := message{
			Severity: strings.ToLower(e.severity.String()),
			Code:     e.code, Summary: clean(e.summary), Detail: clean(e.detail), Path: e.path,
		}
		if p := r.page(e); p != nil {
			m.File, m.Start, m.End = e.at.Filename, placeOf(e.at.Start), placeOf(e.at.End)
			m.Block, m.Snippet = p.context(*e.at), p.snippet(*e.at).text
		}
		doc.Diagnostics = append(doc.Diagnostics, m)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}

// clean makes one line without control characters.
func clean(s string) string { return strings.Map(printable, strings.ReplaceAll(s, "\n", " ")) }

// wrap breaks a text between words; a width below 20 characters leaves it whole.
func wrap(s string, width int) []string {
	if s == "" {
		return nil
	}
	if width < 20 {
		return []string{s}
	}
	var lines []string
	current, length := "", 0
	for w := range strings.FieldsSeq(s) {
		n := len([]rune(w))
		if length > 0 && length+1+n > width {
			lines = append(lines, current)
			current, length = "", 0
		}
		if length > 0 {
			current, length = current+" ", length+1
		}
		current, length = current+w, length+n
	}
	return append(lines, current)
}
