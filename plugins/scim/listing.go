package scim

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
)

// searchURN is the schema of a search request (RFC 7644 §3.4.3).
const searchURN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

// listing is what a list is asked for, in the query of a URL or in the body of a
// search request. "" is absent.
type listing struct {
	filtered       bool // an empty filter is none, and never one for all
	filter, sortBy string
	descending     bool
	start          int // from 1
	count          int

	byCursor bool // RFC 9865
	cursor   string

	attributes, excluded []string
}

func (h *handler) listingOfQuery(q url.Values) (listing, error) {
	l := listing{
		filtered: q.Has("filter"), filter: q.Get("filter"), sortBy: q.Get("sortBy"), byCursor: q.Has("cursor"), cursor: q.Get("cursor"),
		attributes: names(q["attributes"]), excluded: names(q["excludedAttributes"]),
	}
	var err error
	if l.descending, err = descending(q.Get("sortOrder")); err != nil {
		return l, err
	}
	start, given, err := number("startIndex", q.Get("startIndex"))
	if err != nil {
		return l, err
	}
	count, counted, err := number("count", q.Get("count"))
	if err != nil {
		return l, err
	}
	return l, h.bound(&l, start, given, count, counted)
}

func (h *handler) listingOfBody(data []byte, r *dialect.Reading) (listing, error) {
	object, err := body.DecodeObject(data, bodyLimit)
	if err != nil {
		return listing{}, err
	}
	if err := checkSchemas(object, searchURN, r); err != nil {
		return listing{}, err
	}
	var (
		l            listing
		order        string
		start, count int
		given, both  bool
	)
	for name, value := range object {
		err := error(nil)
		switch strings.ToLower(name) {
		case "filter":
			l.filtered = value != nil
			l.filter, err = text(name, value)
		case "sortby":
			l.sortBy, err = text(name, value)
		case "sortorder":
			order, err = text(name, value)
		case "cursor":
			l.byCursor = value != nil
			l.cursor, err = text(name, value)
		case "startindex":
			start, given, err = numeral(name, value)
		case "count":
			count, both, err = numeral(name, value)
		case "attributes":
			l.attributes, err = texts(name, value)
		case "excludedattributes":
			l.excluded, err = texts(name, value)
		}
		if err != nil {
			return l, err
		}
	}
	if l.descending, err = descending(order); err != nil {
		return l, err
	}
	return l, h.bound(&l, start, given, count, both)
}

// bound applies the rules of RFC 7644 §3.4.2.4: an index below 1 is 1, a count
// below 0 is 0, and there are not more than the most. With a cursor the count
// must be one that can be kept (RFC 9865 §3).
func (h *handler) bound(l *listing, start int, given bool, count int, counted bool) error {
	most := int(h.settings.MaxResults)
	if !counted {
		count = int(h.settings.PageSize)
	}
	if l.byCursor {
		switch {
		case given:
			return fail(http.StatusBadRequest, invalidCursor, "A page begins at a startIndex or at a cursor.")
		case count < 1 || count > most:
			return fail(http.StatusBadRequest, invalidCount, "With a cursor, count must be from 1 to "+strconv.Itoa(most)+".")
		}
	}
	l.start, l.count = max(start, 1), min(max(count, 0), most)
	return nil
}

func descending(order string) (bool, error) {
	switch strings.ToLower(order) {
	case "", "ascending":
		return false, nil
	case "descending":
		return true, nil
	}
	return false, scimerr.New(scimerr.InvalidValue, "sortOrder must be ascending or descending.")
}

// namesLimit is how many attributes a request can name. No schema has as many.
const namesLimit = 2000

// names are those of comma-separated lists.
func names(lists []string) []string {
	var all []string
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" && len(all) < namesLimit {
				all = append(all, name)
			}
		}
	}
	return all
}

// number reads a number of a query. One that is larger than any list is long is
// the largest.
func number(name, value string) (n int, given bool, err error) {
	if value == "" {
		return 0, false, nil
	}
	long, err := strconv.ParseInt(value, 10, 64)
	if err != nil && !strings.Contains(err.Error(), strconv.ErrRange.Error()) {
		return 0, false, scimerr.New(scimerr.InvalidValue, "%s must be a whole number.", name)
	}
	return int(max(min(long, math.MaxInt32), math.MinInt32)), true, nil
}

func numeral(name string, value any) (int, bool, error) {
	switch value := value.(type) {
	case nil:
		return 0, false, nil
	case json.Number:
		return number(name, value.String())
	}
	return 0, false, scimerr.New(scimerr.InvalidValue, "%s must be a whole number.", name)
}

func text(name string, value any) (string, error) {
	switch value := value.(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	}
	return "", scimerr.New(scimerr.InvalidValue, "%s must be a text.", scimerr.Quote(name))
}

// texts reads a list of attributes; clients also send them as one text.
func texts(name string, value any) ([]string, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case string:
		return names([]string{value}), nil
	case []any:
		var list []string
		for _, v := range value {
			one, err := text(name, v)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		return names(list), nil
	}
	return nil, scimerr.New(scimerr.InvalidValue, "%s must be a list of texts.", scimerr.Quote(name))
}

// checkSchemas refuses a message that says to be another.
func checkSchemas(object map[string]any, urn string, r *dialect.Reading) error {
	value, there := object["schemas"]
	list, _ := value.([]any)
	for _, v := range list {
		if s, ok := v.(string); ok && strings.EqualFold(s, urn) {
			return nil
		}
	}
	quirk := dialect.UnknownSchemas
	if !there {
		quirk = dialect.MissingSchemas
	}
	if r.Took(quirk, "schemas") {
		return nil
	}
	return scimerr.New(scimerr.InvalidSyntax, "schemas must be [%q].", urn)
}
