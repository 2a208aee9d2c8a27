package directory

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// mark is a place in an order: that of a resource which is, or was, there.
type mark struct {
	key     string // by which the query sorts; "" without a sort, or without a value
	created int64
	id      string

	// before says that what is asked for ends here and does not begin.
	before bool
}

const cursorLimit = 4096

// cursor writes a place for one query. It is no secret and needs no seal: who
// makes up another gets another page of the same query, which they may see.
func (m mark) cursor(of digest) string {
	raw := append([]byte{1, byte(integer(m.before))}, of[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(m.created))
	raw = append(raw, m.id...)
	raw = append(raw, 0)
	raw = append(raw, m.key...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

func readCursor(s string, of digest) (*mark, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s[:min(len(s), cursorLimit)])
	head := 2 + len(of) + 8
	if err != nil || len(s) > cursorLimit || len(raw) < head || raw[0] != 1 || raw[1] > 1 || !bytes.Equal(raw[2:2+len(of)], of[:]) {
		return nil, wrongCursor()
	}
	m := &mark{before: raw[1] == 1, created: int64(binary.BigEndian.Uint64(raw[head-8:]))}
	id, key, ok := strings.Cut(string(raw[head:]), "\x00")
	if !ok || id != "" && !idForm.MatchString(id) {
		return nil, wrongCursor()
	}
	if m.id, m.key = id, key; m.cursor(of) != s { // base64 that has line breaks in it, which the decoder skips
		return nil, wrongCursor()
	}
	return m, nil
}

func wrongCursor() error {
	return problem.New(problem.Invalid, "the cursor is none of this query").
		WithHint("give a cursor back as it came, with the same filter and order, or begin anew without one")
}
