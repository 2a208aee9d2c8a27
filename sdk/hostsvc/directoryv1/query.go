package directoryv1

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// The limits of a query.
const (
	refLimit    = 256 // bytes of an id that somebody asks for
	cursorLimit = 4 << 10
	textLimit   = 64 << 10 // bytes of a text that is compared with
	nameLimit   = 256      // bytes of one name in a path
	pathLimit   = 8        // names in a path
	depthLimit  = 50       // of a filter
	nodeLimit   = 4 * directory.FilterLimit
)

func invalid(err error) error { return problem.New(problem.Invalid, "%v", err) }

// query checks a query and makes it ours.
func query(r *hostv1.FindRequest) (directory.Query, error) {
	q := directory.Query{
		Type: directory.Type(r.GetType()), ID: r.GetId(), Sort: r.GetSort(), SortExact: r.GetSortExact(), Descending: r.GetDescending(),
		Start: int(r.GetStart()), Cursor: r.GetCursor(), Limit: int(r.GetLimit()),
		Attributes: r.GetAttributes(), Members: int(r.GetMembers()), Groups: r.GetGroups(),
	}
	if q.Limit > directory.PageLimit || q.Members > directory.PageLimit {
		return directory.Query{}, problem.New(problem.TooLarge, "a page has at most %d resources, and as many members of each", directory.PageLimit)
	}
	err := errors.Join(
		checkType(r.GetType()), checkOptional("the id", q.ID, refLimit), checkOptional("the cursor", q.Cursor, cursorLimit))
	if len(q.Sort) > 0 {
		err = errors.Join(err, checkPath(r.GetSort()))
	}
	if q.Start > 0 && q.Cursor != "" {
		err = errors.Join(err, errors.New("a page begins at a start or at a cursor, not at both"))
	}
	if err != nil {
		return directory.Query{}, invalid(err)
	}
	if r.GetFilter() != nil {
		var c filterReader
		f, err := c.read(r.GetFilter(), depthLimit)
		if err != nil {
			return directory.Query{}, err
		}
		q.Filter = &f
	}
	return q, nil
}

// filterReader counts what a filter is made of.
type filterReader struct{ nodes, comparisons int }

func (c *filterReader) read(in *hostv1.Filter, depth int) (directory.Filter, error) {
	c.nodes++
	f := directory.Filter{Op: directory.Op(in.GetOp()), CaseExact: in.GetCaseExact(), Time: in.GetTime()}
	inner, compares := len(in.GetFilters()), false
	var err error
	switch f.Op {
	case directory.And, directory.Or:
		if inner == 0 {
			err = fmt.Errorf("%q joins nothing", in.GetOp())
		}
	case directory.Not, directory.Any:
		if inner != 1 {
			err = fmt.Errorf("%q has one filter within, not %d", in.GetOp(), inner)
		}
	case directory.Equal, directory.NotEqual, directory.Contains, directory.StartsWith, directory.EndsWith,
		directory.Greater, directory.GreaterOrEqual, directory.Less, directory.LessOrEqual, directory.Present:
		c.comparisons++
		compares = true
		if inner > 0 {
			err = errors.New("a comparison has no filters within")
		}
	default:
		err = errors.New("a filter has an operator that there is not")
	}
	switch {
	case err != nil:
	case depth == 0 || c.nodes > nodeLimit || c.comparisons > directory.FilterLimit:
		return directory.Filter{}, problem.New(problem.TooLarge, "a filter has at most %d comparisons, and is at most %d deep", directory.FilterLimit, depthLimit)
	case compares || f.Op == directory.Any:
		f.Path, err = in.GetPath(), checkPath(in.GetPath())
	case len(in.GetPath()) > 0:
		err = fmt.Errorf("%q has no path", in.GetOp())
	}
	if err == nil {
		f.Value, err = value(in, f.Op, compares)
	}
	if err != nil {
		return directory.Filter{}, invalid(err)
	}
	for _, one := range in.GetFilters() {
		read, err := c.read(one, depth-1)
		if err != nil {
			return directory.Filter{}, err
		}
		f.Filters = append(f.Filters, read)
	}
	return f, nil
}

// numberForm is a number as JSON writes it (RFC 8259 §6).
var numberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// value is what a comparison compares with, of a kind that its operator can.
func value(in *hostv1.Filter, op directory.Op, compares bool) (any, error) {
	if in.GetValue() != nil && (!compares || op == directory.Present) {
		return nil, fmt.Errorf("%q compares with nothing", in.GetOp())
	}
	equality := op == directory.Equal || op == directory.NotEqual
	part := op == directory.Contains || op == directory.StartsWith || op == directory.EndsWith
	switch v := in.GetValue().(type) {
	case *hostv1.Filter_Text:
		return v.Text, checkOptional("a text to compare with", v.Text, textLimit)
	case *hostv1.Filter_Truth:
		if equality {
			return v.Truth, nil
		}
	case *hostv1.Filter_Number:
		if len(v.Number) > 64 || !numberForm.MatchString(v.Number) {
			return nil, errors.New("a number to compare with is not written as JSON does, or is very long")
		}
		if !part {
			return json.Number(v.Number), nil
		}
	case nil:
		if equality || !compares || op == directory.Present {
			return nil, nil
		}
	}
	return nil, fmt.Errorf("%q cannot compare with a value of this kind", in.GetOp())
}

func checkType(t string) error {
	if !directory.Type(t).Check() {
		return errors.New("the type is not a name of one")
	}
	return nil
}

func checkPath(path []string) error {
	if len(path) == 0 || len(path) > pathLimit {
		return fmt.Errorf("a path has %d names, 1 to %d are allowed", len(path), pathLimit)
	}
	for _, name := range path {
		if name == "" {
			return errors.New("a name in a path is empty")
		}
		if err := checkOptional("a name in a path", name, nameLimit); err != nil {
			return err
		}
	}
	return nil
}

// checkRef checks an id that may be anybody's writing: whether there is such a
// resource is for the directory to say.
func checkRef(what, id string) error {
	if id == "" {
		return fmt.Errorf("%s is missing", what)
	}
	return checkOptional(what, id, refLimit)
}

// checkOptional refuses what no database can be asked for, and what is longer
// than it can be in earnest.
func checkOptional(what, text string, most int) error {
	switch {
	case len(text) > most:
		return fmt.Errorf("%s is %d bytes long, %d are allowed", what, len(text), most)
	case !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0:
		return fmt.Errorf("%s is not UTF-8, or has a NUL", what)
	}
	return nil
}
