package filter

import (
	"encoding/json"

	"github.com/gatehouse-id/gatehouse/plugins/scim/body"
	"github.com/gatehouse-id/gatehouse/plugins/scim/dialect"
	"github.com/gatehouse-id/gatehouse/plugins/scim/schema"
	"github.com/gatehouse-id/gatehouse/plugins/scim/scimerr"
	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// operators by their names; they may be written in either case (RFC 7644
// §3.4.2.2).
var operators = []directory.Op{
	directory.Equal, directory.NotEqual, directory.Contains, directory.StartsWith, directory.EndsWith,
	directory.Greater, directory.GreaterOrEqual, directory.Less, directory.LessOrEqual, directory.Present,
}

func (p *parser) compare(attr string) (Expr, error) {
	if p.terms++; p.terms > directory.FilterLimit {
		return nil, p.fail("it has more than %d comparisons", directory.FilterLimit)
	}
	p.space()
	written := p.name()
	c := Compare{Attr: attr}
	for _, op := range operators {
		if schema.Same(string(op), written) {
			c.Op = op
			break
		}
	}
	switch {
	case c.Op == "":
		return nil, p.fail("%s after %s is no operator", scimerr.Quote(written), scimerr.Quote(attr))
	case c.Op == directory.Present:
		return c, nil
	}
	if !p.space() {
		return nil, p.fail("after %s there is no value", scimerr.Quote(attr+" "+written))
	}
	var err error
	c.Value, c.Bare, err = p.value(attr)
	return c, err
}

func (p *parser) value(attr string) (v any, bare bool, err error) {
	if p.at < len(p.text) && p.text[p.at] == '"' {
		s, next, err := body.String(p.text, p.at)
		if err != nil {
			return nil, false, p.fail("in the value of %s %v", scimerr.Quote(attr), err)
		}
		p.at = next
		return s, false, nil
	}
	token := p.token()
	switch {
	case token == "true":
		return true, true, nil
	case token == "false":
		return false, true, nil
	case token == "null":
		return nil, true, nil
	case body.IsNumber(token):
		return json.Number(token), true, nil
	case token != "" && p.reading.Took(dialect.UnquotedOperand, attr):
		return token, true, nil
	}
	return nil, false, p.fail("the value of %s is neither a JSON text nor a number, true, false or null", scimerr.Quote(attr))
}
