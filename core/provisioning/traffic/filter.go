package traffic

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// hidden stands for what is not shown.
const hidden = "…"

// attributeForm reports whether a text looks like the path of an attribute, its
// end after a filter among others: ^\.?[A-Za-z$][A-Za-z0-9_.:$-]{0,199}$. It is
// asked for each name of each body, where a regular expression would be most of
// the log's cost.
func attributeForm(text string) bool {
	text = strings.TrimPrefix(text, ".")
	if text == "" || len(text) > 200 {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '$':
		case i > 0 && ('0' <= c && c <= '9' || c == '_' || c == '.' || c == ':' || c == '-'):
		default:
			return false
		}
	}
	return true
}

var operators = set("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")

// What is expected next in a filter (RFC 7644 §3.4.2.2).
type expected int

const (
	anAttribute expected = iota
	anOperator
	anOperand
	aConjunction
)

// redactFilter shows a filter or a path without what is compared with, but for
// ids and names to sign in with. What does not look like a filter is hidden.
func redactFilter(text string, ofGroup bool) string {
	if attributeForm(text) && text[0] != '.' { // as most are: nothing is compared
		return text
	}
	var out strings.Builder
	var next expected
	attribute, prefix, closed := "", "", ""
	for i := 0; i < len(text); {
		end := i + 1
		switch c := text[i]; c {
		case ' ', '(', ')':
			out.WriteByte(c)
		case '[':
			out.WriteByte(c)
			prefix, next = attribute, anAttribute
		case ']':
			out.WriteByte(c)
			prefix, closed, next = "", prefix, aConjunction
		default:
			end = wordEnd(text, i)
			word := text[i:end]
			shownWord := hidden
			switch lower := strings.ToLower(word); {
			case next == anOperand:
				if compares(prefix, attribute, ofGroup) {
					shownWord = word
				}
				next = aConjunction
			case c == '"':
				next = aConjunction
			case next != anOperator && (lower == "and" || lower == "or" || lower == "not"):
				shownWord, next = word, anAttribute
			case next == anOperator && (operators[lower] || lower == "pr"):
				shownWord, next = word, anOperand
				if lower == "pr" {
					next = aConjunction
				}
			case next == anAttribute && attributeForm(word):
				shownWord, attribute, next = word, word, anOperator
			case next == aConjunction && closed != "" && word[0] == '.' && attributeForm(word):
				shownWord, attribute, next = word, attributeOf(closed)+word, anOperator
			default:
				next = aConjunction
			}
			out.WriteString(shownWord)
		}
		i = end
	}
	return out.String()
}

// wordEnd is where a quoted text, or a word, ends.
func wordEnd(text string, i int) int {
	if text[i] != '"' {
		if n := strings.IndexAny(text[i:], ` ()[]"`); n > 0 {
			return i + n
		}
		return len(text)
	}
	for j := i + 1; j < len(text); j++ {
		switch text[j] {
		case '\\':
			j++
		case '"':
			return j + 1
		}
	}
	return len(text)
}

// compares reports whether what an attribute is compared with may be seen.
func compares(prefix, attribute string, ofGroup bool) bool {
	if prefix == "" {
		if head, rest, nested := strings.Cut(attribute, "."); nested && !strings.Contains(attribute, ":") {
			return resource.within(head).shows(rest, ofGroup) && resource.within(head) != other
		}
		return resource.shows(attributeOf(attribute), ofGroup) || resource.within(attributeOf(attribute)) == reference
	}
	return resource.within(attributeOf(prefix)).shows(attribute, ofGroup)
}

// Query shows the query of a URL, decoded, without what is personal.
func Query(path, raw string) string {
	if raw == "" {
		return ""
	}
	var parts []string
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		switch lower := strings.ToLower(name); {
		case err1 != nil || err2 != nil || !attributeForm(name):
			parts = append(parts, hidden)
			continue
		case lower == "filter":
			value = redactFilter(value, ofGroups(path))
		case !resource.shows(lower, false) || resourceAttribute(lower):
			value = hidden
		}
		parts = append(parts, name+"="+value)
	}
	return printable(strings.Join(parts, "&"), maxQuery)
}

// resourceAttribute are members of a resource that are no parameters.
func resourceAttribute(name string) bool {
	switch name {
	case "startindex", "count", "attributes", "excludedattributes", "sortby", "sortorder":
		return false
	}
	return true
}

// Path shows a path.
func Path(path string) string { return printable(path, maxPath) }

// The longest that is shown, in bytes.
const (
	maxPath  = 300
	maxQuery = 1000
)

// printable cuts a text, and takes out what could do something to a terminal.
func printable(text string, most int) string {
	cut := len(text) > most
	if cut {
		text = text[:most]
	}
	if strings.ContainsFunc(text, unprintable) {
		text = strings.Map(func(r rune) rune {
			if unprintable(r) {
				return '?'
			}
			return r
		}, strings.ToValidUTF8(text, "?"))
	}
	if cut {
		text += hidden
	}
	return text
}

func unprintable(r rune) bool {
	return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e || r == utf8.RuneError
}
