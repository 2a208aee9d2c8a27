package traffic

import (
	"bytes"
	"strconv"
	"strings"
)

// Limits of a body, in bytes.
const (
	Captured = 16 << 10 // of it that are looked at
	maxShown = 4 << 10  // of what is shown
	maxDepth = 32
	maxValue = 200 // of one value
	maxName  = 200
)

// Body shows the beginning of a JSON body: the names of its attributes, and of
// the values only those that an operator needs and that are not personal. What is
// no JSON is not shown. path is that of the request below the mount.
func Body(path string, body []byte) string {
	if len(bytes.TrimSpace(body)) == 0 {
		return ""
	}
	s := scanner{text: body[:min(len(body), Captured)], ofGroup: ofGroups(path)}
	if c := s.next(); c != '{' && c != '[' {
		return "(" + strconv.Itoa(len(body)) + " bytes that are no JSON object)"
	}
	if !s.value(resource, "", false, 0) {
		s.out.WriteString(hidden)
	}
	return strings.ToValidUTF8(s.out.String(), "?")
}

// scanner copies JSON from text to out, leaving out values. Its methods report
// false where they stopped: at the end of text, at a mistake, or when enough is
// shown.
type scanner struct {
	text    []byte
	at      int
	out     strings.Builder
	ofGroup bool
}

// next is the next byte that is no space; 0 at the end.
func (s *scanner) next() byte {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// value copies a value of a member of an object of a kind; scalars only where
// they are shown.
func (s *scanner) value(inside kind, member string, show bool, depth int) bool {
	if depth > maxDepth || s.out.Len() > maxShown {
		return false
	}
	switch s.next() {
	case '{':
		return s.object(inside, depth)
	case '[':
		return s.array(inside, member, show, depth)
	case '"':
		raw, ok := s.str()
		if !ok {
			return false
		}
		switch {
		case member == "path":
			s.quote(redactFilter(unescape(raw), s.ofGroup))
		case show:
			s.quote(unescape(raw))
		default:
			s.quote(hidden)
		}
		return true
	case 0:
		return false
	}
	return s.word(show)
}

// word copies true, false and null; a number only where it is shown.
func (s *scanner) word(show bool) bool {
	begin := s.at
	for s.at < len(s.text) && !bytes.ContainsRune([]byte(" \t\r\n,]}:\"{["), rune(s.text[s.at])) {
		s.at++
	}
	if s.at == len(s.text) { // it may go on
		return false
	}
	switch word := string(s.text[begin:s.at]); {
	case word == "true" || word == "false" || word == "null":
		s.out.WriteString(word)
	case !isNumber(word):
		return false
	case show:
		s.out.WriteString(word)
	default:
		s.out.WriteString(hidden)
	}
	return true
}

func isNumber(word string) bool {
	return word != "" && len(word) < 40 && strings.Trim(word, "0123456789+-.eE") == ""
}

func (s *scanner) array(inside kind, member string, show bool, depth int) bool {
	s.out.WriteByte('[')
	s.at++
	for first := true; ; first = false {
		switch c := s.next(); {
		case c == ']':
			s.out.WriteByte(']')
			s.at++
			return true
		case !first && c == ',':
			s.out.WriteByte(',')
			s.at++
		case !first || c == 0:
			return false
		}
		if !s.value(inside, member, show, depth+1) {
			return false
		}
	}
}

func (s *scanner) object(k kind, depth int) bool {
	s.out.WriteByte('{')
	s.at++
	path, given := "", false // of an operation
	for first := true; ; first = false {
		switch c := s.next(); {
		case c == '}':
			s.out.WriteByte('}')
			s.at++
			return true
		case !first && c == ',':
			s.out.WriteByte(',')
			s.at++
		case !first || c == 0:
			return false
		}
		if s.next() != '"' {
			return false
		}
		raw, ok := s.str()
		if !ok || s.next() != ':' {
			return false
		}
		s.at++
		name := unescape(raw)
		s.quote(printable(redactFilter(name, s.ofGroup), maxName))
		s.out.WriteByte(':')
		inside, show, member := k.within(attributeOf(name)), k.shows(name, s.ofGroup), ""
		if k == operation {
			switch strings.ToLower(name) {
			case "path":
				member = "path"
				begin := s.at
				if s.next() == '"' {
					if raw, ok := s.str(); ok {
						path, given = unescape(raw), true
					}
				}
				s.at = begin
			case "value":
				inside, show = valueOf(path, given, s.ofGroup)
			}
		}
		if !s.value(inside, member, show, depth+1) {
			return false
		}
	}
}

// valueOf says what the value of an operation is. Without a path it is a part of
// a resource; of one whose path comes only after it, nothing but that is known.
func valueOf(path string, given, ofGroup bool) (inside kind, show bool) {
	if !given {
		return resource, false
	}
	attribute := attributeOf(path)
	inside = resource.within(attribute)
	return inside, inside == reference && !strings.Contains(path, ".") || attribute == path && resource.shows(path, ofGroup)
}

// str reads a string, without its quotation marks and still escaped.
func (s *scanner) str() (raw string, ok bool) {
	begin := s.at + 1
	for i := begin; i < len(s.text); i++ {
		switch s.text[i] {
		case '\\':
			i++
		case '"':
			s.at = i + 1
			return string(s.text[begin:i]), true
		}
	}
	s.at = len(s.text)
	return "", false
}

// unescape is a JSON string's text, or what hides it where it is none.
func unescape(raw string) string {
	if !strings.Contains(raw, `\`) {
		return raw
	}
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(raw, `\/`, `/`) + `"`)
	if err != nil {
		return hidden
	}
	return text
}

// quote writes a text as JSON, cut where nobody would read on.
func (s *scanner) quote(text string) {
	text = printable(text, maxValue)
	if strings.ContainsAny(text, `"\`) {
		text = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
	}
	s.out.WriteByte('"')
	s.out.WriteString(text)
	s.out.WriteByte('"')
}
