package directory

import (
	"strconv"
	"strings"
)

// besideIDs is the organization where a list of ids says what is looked at. The
// expression keeps SQLite from the indexes that begin with the column: it takes any
// of them for better than a list of keys, and would go through all of a connection.
const besideIDs = `organization || ''`

// statement is SQL that depends on what is asked. Values are parameters always;
// the text is made of constants.
type statement struct {
	sql  strings.Builder
	args []any
}

func (q *statement) text(s string) { q.sql.WriteString(s) }

// arg adds a parameter and returns its place.
func (q *statement) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// list is the parameters of an IN.
func (q *statement) list(values []string) string {
	places := make([]string, len(values))
	for i, v := range values {
		places[i] = q.arg(v)
	}
	return "(" + strings.Join(places, ", ") + ")"
}

func (q *statement) String() string { return q.sql.String() }
