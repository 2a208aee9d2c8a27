package config

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var (
	headerLine = regexp.MustCompile(`^\s*([a-z_]+)((?:\s+"[^"]*")*)\s*\{\s*$`)
	endLine    = regexp.MustCompile(`^\s*\}\s*$`)
	assignLine = regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_-]*)\s*=([^=])`)
	firstWord  = regexp.MustCompile(`^\s*[A-Za-z_][A-Za-z0-9_-]*`)
	oneValue   = regexp.MustCompile(`^[^={}]*$`)
	labelText  = regexp.MustCompile(`"([^"]*)"`)
)

// line is one line of a file with syntax errors, read without a parser.
type line struct {
	from, to int
	kind     string   // the block that it stands in or begins, "" if that is not clear
	labels   []string // of the block that it begins
	opens    bool
	named    bool // its first token is a name: no text, heredoc or comment runs into it
}

// lines reads a file with syntax errors line by line. A line that a string, a
// heredoc or a comment runs through begins no block and ends none.
func lines(text []byte, tokens hclsyntax.Tokens) []line {
	first := map[int]hclsyntax.TokenType{} // by line number
	for _, t := range tokens {
		if _, seen := first[t.Range.Start.Line]; !seen {
			first[t.Range.Start.Line] = t.Type
		}
	}
	var out []line
	kind, from := "", 0
	for n := 1; from < len(text); n++ {
		to := len(text)
		if i := bytes.IndexByte(text[from:], '\n'); i >= 0 {
			to = from + i
		}
		l := line{from: from, to: to, named: first[n] == hclsyntax.TokenIdent}
		here := string(text[from:to])
		if m := headerLine.FindStringSubmatch(here); m != nil && l.named {
			kind, l.opens = m[1], true
			for _, x := range labelText.FindAllStringSubmatch(m[2], -1) {
				l.labels = append(l.labels, x[1])
			}
		}
		if l.named {
			l.kind = kind
		}
		if endLine.MatchString(here) {
			kind = ""
		}
		out = append(out, l)
		from = to + 1
	}
	return out
}

// veil gives what is hidden of a file with syntax errors: every value that is
// not clearly the one of an attribute that is known and not sensitive, and
// every line that is not clearly anything but for a name of the host's that it
// begins with.
func veil(text []byte, tokens hclsyntax.Tokens) []span {
	var hidden []span
	for _, l := range lines(text, tokens) {
		here := string(text[l.from:l.to])
		if l.opens && isBlock(l.kind) {
			continue
		}
		m := assignLine.FindStringSubmatchIndex(here)
		if m == nil || !l.named {
			from := l.from
			if w := firstWord.FindString(here); l.named && isName(strings.TrimSpace(w)) {
				from += len(w)
			}
			if strings.Trim(string(text[from:l.to]), " \t\r{}[](),") != "" {
				hidden = append(hidden, span{from, l.to})
			}
			continue
		}
		value := here[m[4]:]
		if l.kind != "" && isPublic(l.kind, here[m[2]:m[3]]) && oneValue.MatchString(value) && !withUserInfo([]byte(value)) {
			continue
		}
		hidden = append(hidden, span{l.from + m[4], l.to})
	}
	return hidden
}
