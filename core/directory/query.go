package directory

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// query is one that was checked.
type query struct {
	sdk.Query
	scope     Scope
	condition *condition // nil: all
	narrower  narrower
	grip      grip  // of the condition
	from      *mark // where a cursor begins; nil without one
	digest    digest
}

// digest is of all that a cursor depends on.
type digest [16]byte

func check(s Scope, q sdk.Query) (*query, error) {
	if !q.Type.Check() {
		return nil, problem.New(problem.Invalid, "there is no type of resources with this name")
	}
	if q.Limit < 0 || q.Limit > sdk.PageLimit || q.Members < 0 || q.Members > sdk.PageLimit {
		return nil, problem.New(problem.Invalid, "a page has 0 to %d resources or members", sdk.PageLimit)
	}
	if q.Start < 0 || q.Start > 0 && q.Cursor != "" {
		return nil, problem.New(problem.Invalid, "a page begins at a number that is not negative, or at a cursor")
	}
	if len(q.Sort) > 0 {
		if err := checkPath(q.Sort); err != nil {
			return nil, err
		}
		if relationOf(q.Type, q.Sort) != "" {
			return nil, noSuchPart(q.Sort)
		}
	}
	c, err := compile(q.Type, q.Filter)
	if err != nil {
		return nil, err
	}
	made := &query{Query: q, scope: s, condition: c, narrower: narrower{typ: q.Type, scope: s}, grip: exact}
	if c != nil {
		made.grip = made.narrower.grip(c)
	}
	if made.digest, err = digestOf(s, q); err != nil {
		return nil, err
	}
	if q.Cursor != "" {
		made.from, err = readCursor(q.Cursor, made.digest)
	}
	return made, err
}

func digestOf(s Scope, q sdk.Query) (digest, error) {
	raw, err := json.Marshal([]any{s, q.Type, q.ID, q.Filter, q.Sort, q.SortExact, q.Descending})
	if err != nil { // a number that is none was refused before
		return digest{}, fmt.Errorf("writing the query: %w", err)
	}
	sum := sha256.Sum256(raw)
	return digest(sum[:len(digest{})]), nil
}

// whole says that the query is for all resources in the order in which they were
// made.
func (q *query) whole() bool { return q.condition == nil && q.ID == "" && len(q.Sort) == 0 }

// where writes what SQL can say of the condition, and about memberships all.
func (q *query) where(st *statement) {
	st.text(" FROM ")
	seeks := q.condition != nil && q.narrower.seeks(q.condition)
	if seeks {
		st.text("(" + q.narrower.seek(st, q.condition) + ") s CROSS JOIN directory_resource r WHERE r.id = s.id AND ")
	} else {
		st.text("directory_resource r WHERE ")
	}
	st.text("r.organization = " + st.arg(q.scope.Organization) +
		" AND r.connection = " + st.arg(q.scope.Connection) + " AND r.type = " + st.arg(string(q.Type)) + " AND r.deleted_at IS NULL")
	if q.ID != "" {
		st.text(" AND r.id = " + st.arg(q.ID))
	}
	said := seeks && len(q.condition.parts) == 0 // a single comparison: the table of ids is all of it
	if q.condition != nil && q.grip != loose && !said {
		st.text(" AND " + q.narrower.sql(st, q.condition))
	}
}
