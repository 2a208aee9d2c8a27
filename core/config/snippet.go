package config

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

const (
	mask         = "••••" // of one length, so that it does not tell the secret's
	snippetWidth = 160    // characters of a line that are shown
)

// snippet is the first line of a range, as it may be shown, and which of its
// characters the range is about.
type snippet struct {
	text string
	mark span // in characters, at least one wide
}

// snippet gives the line that at begins on.
func (p *page) snippet(at hcl.Range) snippet {
	start := min(max(at.Start.Byte, 0), len(p.text))
	end := min(max(at.End.Byte, start), len(p.text))
	from := bytes.LastIndexByte(p.text[:start], '\n') + 1
	to := len(p.text)
	if i := bytes.IndexByte(p.text[from:], '\n'); i >= 0 {
		to = from + i
	}
	line := span{from, to}
	from, to = p.near(line, start)
	hidden, comments := p.hiddenParts(from, to), p.commentsWithin(from, to)

	var out []rune
	s := snippet{mark: span{-1, -1}}
	put := func(offset int, rs ...rune) {
		if s.mark.from < 0 && offset >= start {
			s.mark.from = len(out)
		}
		if s.mark.to < 0 && offset >= end {
			s.mark.to = len(out)
		}
		out = append(out, rs...)
	}
	for i := from; i < to; {
		if c := covering(comments, i); c != nil {
			i = min(c.to, to)
			continue
		}
		if c := covering(hidden, i); c != nil {
			next := min(c.to, to)
			for more := covering(hidden, next); more != nil && next < to; more = covering(hidden, next) {
				next = min(more.to, to)
			}
			blank := len(p.text[i:next]) - len(bytes.TrimLeft(p.text[i:next], " \t"))
			put(i, []rune(string(p.text[i:i+blank]))...)
			put(max(start, i+blank), []rune(mask)...)
			i = next
			continue
		}
		r := []rune(string(p.text[i:min(i+4, to)]))[0]
		put(i, printable(r))
		i += len(string(r))
	}
	if s.mark.from < 0 {
		s.mark.from = len(out)
	}
	if s.mark.to < 0 {
		s.mark.to = len(out)
	}
	out = []rune(strings.TrimRight(string(out), " \t"))
	if from > line.from {
		out, s.mark = append([]rune{'…'}, out...), span{s.mark.from + 1, s.mark.to + 1}
	}
	if to < line.to {
		out = append(out, '…')
	}
	out, s.mark = window(out, s.mark)
	s.text = string(out)
	s.mark.to = max(s.mark.to, s.mark.from+1)
	return s
}

// near gives the part of a line around a place, between whole characters, so
// that a line of a megabyte costs no more than a short one.
func (p *page) near(line span, place int) (from, to int) {
	const reach = 4 * snippetWidth // bytes: no character has more than four
	from, to = max(line.from, place-reach), min(line.to, place+reach)
	for from > line.from && !utf8.RuneStart(p.text[from]) {
		from--
	}
	for to < line.to && !utf8.RuneStart(p.text[to]) {
		to++
	}
	return from, to
}

// commentsWithin gives the comments, which are in the order of the text, that
// have a part between from and to.
func (p *page) commentsWithin(from, to int) []span {
	first := sort.Search(len(p.comments), func(i int) bool { return p.comments[i].to > from })
	last := first
	for last < len(p.comments) && p.comments[last].from < to {
		last++
	}
	return p.comments[first:last]
}

func covering(spans []span, at int) *span {
	for i := range spans {
		if spans[i].from <= at && at < spans[i].to {
			return &spans[i]
		}
	}
	return nil
}

// window cuts what is too far from the mark out of a very long line.
func window(text []rune, mark span) ([]rune, span) {
	mark.from, mark.to = min(mark.from, len(text)), min(mark.to, len(text))
	if len(text) <= snippetWidth {
		return text, mark
	}
	from := max(0, mark.from-snippetWidth/2)
	to := min(len(text), from+snippetWidth)
	mark = span{mark.from - from, min(mark.to, to) - from}
	cut := slices.Clone(text[from:to])
	if from > 0 {
		cut[0] = '…'
	}
	if to < len(text) {
		cut[len(cut)-1] = '…'
	}
	return cut, mark
}

// printable keeps a file or a plugin from writing control sequences to the
// operator's terminal.
func printable(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
		return unicode.ReplacementChar
	}
	return r
}

// context names the block that a place stands in, such as: client "my-tenant".
// The labels of blocks that are not known are left out.
func (p *page) context(at hcl.Range) string {
	if p.body == nil {
		return ""
	}
	var names []string
	body := p.body
	for body != nil {
		var next *hclsyntax.Body
		for _, b := range body.Blocks {
			if s := bytesOf(b.Range()); s.from <= at.Start.Byte && at.Start.Byte <= s.to {
				names = append(names, p.header(b))
				next = b.Body
			}
		}
		body = next
	}
	return strings.Join(names, ", ")
}

// labelMax is how many labels are shown; no block has more.
const labelMax = 3

func (p *page) header(b *hclsyntax.Block) string {
	name := b.Type
	for i, l := range b.Labels[:min(len(b.Labels), labelMax)] {
		if _, hidden := p.hidden[bytesOf(b.LabelRanges[i])]; !hidden {
			name += fmt.Sprintf(" %q", l)
		}
	}
	return name
}
