package scim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/patch"
)

const (
	// firstPiece and lastPiece bound the pieces in which a body is read.
	firstPiece = 4 << 10
	lastPiece  = 1 << 20

	// largeBody is from how many bytes on the members in a body are read one by
	// one.
	largeBody = 64 << 10

	// longestID is more than any id of a resource has.
	longestID = 256
)

// readBody reads a body whole. One that grows is not copied as often as it
// grows: a group of a hundred thousand is ten megabytes.
func readBody(r io.Reader, limit int64) ([]byte, error) {
	r = http.MaxBytesReader(nil, io.NopCloser(r), limit)
	var pieces [][]byte
	total := 0
	for size := firstPiece; ; size = min(2*size, lastPiece) {
		piece := make([]byte, size)
		n, err := io.ReadFull(r, piece)
		pieces, total = append(pieces, piece[:n]), total+n
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return joined(pieces, total), nil
		case err != nil:
			return nil, err
		}
	}
}

func joined(pieces [][]byte, total int) []byte {
	if len(pieces) == 1 {
		return pieces[0]
	}
	whole := make([]byte, 0, total)
	for _, p := range pieces {
		whole = append(whole, p...)
	}
	return whole
}

// content is the body of a write as an object. It can be read once.
func (r *request) content() (map[string]any, error) {
	if r.object != nil {
		return r.object, nil
	}
	data := r.body
	r.body = nil
	if r.kind.group() && len(data) > largeBody {
		return decodeMembers(data)
	}
	return body.DecodeObject(data, bodyLimit)
}

// span is a list of members within a body: of the resource, or of one of the
// operations of a PATCH.
type span struct {
	from, to  int
	operation int // -1: the resource's own
	ids       patch.IDs
}

// decodeMembers is body.DecodeObject for bodies with many members. Each member
// is decoded by itself, as strictly, and only its id is kept. Where a list is
// anything else than objects with ids the body is decoded as others are, which
// says what is wrong with it.
func decodeMembers(data []byte) (map[string]any, error) {
	spans := memberSpans(data)
	rest, from := make([]byte, 0, largeBody), 0
	for _, s := range spans {
		rest = append(append(rest, data[from:s.from]...), "[]"...)
		from = s.to
	}
	object, err := body.DecodeObject(append(rest, data[from:]...), bodyLimit)
	if err != nil {
		return nil, err
	}
	for _, s := range spans {
		if s.operation < 0 {
			s.put(object, "members")
			continue
		}
		for name, value := range object {
			list, _ := value.([]any)
			if strings.EqualFold(name, "Operations") && s.operation < len(list) {
				if op, ok := list[s.operation].(map[string]any); ok {
					s.put(op, "value")
				}
			}
		}
	}
	return object, nil
}

func (s span) put(object map[string]any, as string) {
	for name := range object {
		if strings.EqualFold(name, as) {
			object[name] = s.ids
		}
	}
}

// memberSpans finds the lists of members, in their order. What is no JSON has
// none.
func memberSpans(data []byte) []span {
	var spans []span
	add := func(value []byte, operation int) {
		if ids, ok := memberIDs(value); ok {
			from := cap(data) - cap(value)
			spans = append(spans, span{from, from + len(value), operation, ids})
		}
	}
	err := fields(data, func(name, value []byte) {
		switch {
		case strings.EqualFold(string(name), "members"):
			add(value, -1)
		case strings.EqualFold(string(name), "Operations"):
			i := 0
			_ = elements(value, func(op []byte) { // decoding the rest says what is wrong
				if list := membersOfOperation(op); list != nil {
					add(list, i)
				}
				i++
			})
		}
	})
	if err != nil {
		return nil
	}
	return spans
}

// membersOfOperation is the value of an operation whose path is members.
func membersOfOperation(op []byte) []byte {
	var path string
	var list []byte
	if err := fields(op, func(name, value []byte) {
		switch strings.ToLower(string(name)) {
		case "path":
			path = string(value)
		case "value":
			list = value
		}
	}); err != nil || !strings.EqualFold(path, `"members"`) {
		return nil
	}
	return list
}

// memberIDs are the ids of a list of members, if it is one.
func memberIDs(list []byte) (patch.IDs, bool) {
	ids, good := patch.IDs{}, true
	err := elements(list, func(member []byte) {
		if !good {
			return
		}
		id, ok := plainID(member)
		if !ok {
			id, ok = decodedID(member)
			id = strings.Clone(id) // it is a piece of the member
		}
		if good = ok && id != "" && len(id) <= longestID; good {
			ids = append(ids, id)
		}
	})
	return ids, good && err == nil
}

// plainFields is how many fields a member has at most that is read without being
// decoded.
const plainFields = 8

// plainID is the value of a member as nearly all are: a few fields that are texts
// without escapes, true, false or null. It makes no garbage, of which a hundred
// thousand members make sixty megabytes.
func plainID(member []byte) (id string, ok bool) {
	if bytes.IndexByte(member, '\\') >= 0 || !utf8.Valid(member) || !json.Valid(member) {
		return "", false
	}
	var names [plainFields][]byte
	n, plain := 0, true
	err := fields(member, func(name, value []byte) {
		if n == plainFields || !bytes.ContainsRune([]byte(`"tfn`), rune(value[0])) {
			plain = false
			return
		}
		for _, other := range names[:n] {
			plain = plain && !bytes.EqualFold(other, name)
		}
		names[n] = name
		n++
		if bytes.EqualFold(name, []byte("value")) && value[0] == '"' {
			id, ok = string(value[1:len(value)-1]), true
		}
	})
	return id, ok && plain && err == nil
}

// decodedID is the value of a member of whatever form.
func decodedID(member []byte) (id string, ok bool) {
	object, err := body.DecodeObject(member, len(member))
	found := 0
	for name, value := range object {
		switch value.(type) {
		case []any, map[string]any:
			found = 2 // no member has parts of parts
		}
		if strings.EqualFold(name, "value") {
			id, _ = value.(string)
			found++
		}
	}
	return id, err == nil && found == 1
}
