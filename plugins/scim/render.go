package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
)

// view is how resources of one kind are shown in one answer.
type view struct {
	kind *kind
	plan *plan
	base string // where the mount is seen from outside

	// most is how many members a group is shown with; one with more is shown
	// without any, as OK-24 allows on writes. 0 shows all.
	most int
}

// resource appends a resource. Its attributes are copied as the directory keeps
// them.
func (h *handler) resource(ctx context.Context, o *output, v view, r *directory.Resource) error {
	var attributes []byte
	urns := []string{v.kind.Schema.ID}
	own := r.Attributes
	if !v.needsAttributes() {
		own = []byte("{}") // they were not asked for
	}
	err := fields(own, func(name, value []byte) {
		p := v.plan.sub[string(name)]
		if p == nil {
			return
		}
		before := len(attributes)
		attributes = appendName(attributes, string(name))
		from := len(attributes)
		if attributes = p.append(attributes, value); isEmpty(attributes[from:]) {
			attributes = attributes[:before]
			return
		}
		if v.kind.isExtension(string(name)) {
			urns = append(urns, string(name))
		}
	})
	if err != nil {
		return err
	}
	o.buf = append(o.buf, `{"schemas":[`...)
	for i, urn := range urns {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		o.buf = appendText(o.buf, urn)
	}
	o.buf = append(o.buf, `],"id":`...)
	o.buf = appendText(o.buf, r.ID)
	if r.ExternalID != "" && v.plan.shows("externalId") {
		o.buf = appendText(appendName(o.buf, "externalId"), r.ExternalID)
	}
	o.buf = append(o.buf, attributes...)
	if v.kind.group() && v.plan.shows("members") {
		if err := h.members(ctx, o, v, r); err != nil {
			return err
		}
	}
	if v.kind.user() && v.plan.shows("groups") && len(r.Groups) > 0 {
		if err := h.groups(ctx, o, v, r); err != nil {
			return err
		}
	}
	o.buf = v.meta(o.buf, r)
	o.buf = append(o.buf, '}')
	return o.room()
}

// append adds what the plan shows of a value.
func (p *plan) append(to, value []byte) []byte {
	switch {
	case p.whole || len(value) == 0:
		return append(to, value...)
	case value[0] == '[':
		to = append(to, '[')
		from := len(to)
		_ = elements(value, func(e []byte) { // what is no array after all is shown as far as it is one
			before := len(to)
			if before > from {
				to = append(to, ',')
			}
			at := len(to)
			if to = p.append(to, e); isEmpty(to[at:]) {
				to = to[:before]
			}
		})
		return append(to, ']')
	case value[0] == '{':
		to = append(to, '{')
		from := len(to)
		_ = fields(value, func(name, inner []byte) {
			sub := p.sub[string(name)]
			if sub == nil {
				return
			}
			before := len(to)
			to = appendName(to, string(name))
			at := len(to)
			if to = sub.append(to, inner); isEmpty(to[at:]) {
				to = to[:before]
			}
		})
		if len(to) > from { // each name begins with a comma
			to = append(to[:from], to[from+1:]...)
		}
		return append(to, '}')
	default:
		return append(to, value...)
	}
}

func isEmpty(value []byte) bool {
	return bytes.Equal(value, []byte("{}")) || bytes.Equal(value, []byte("[]"))
}

// meta appends the metadata (RFC 7643 §3.1).
func (v view) meta(to []byte, r *directory.Resource) []byte {
	p := v.plan.sub["meta"]
	if p == nil {
		return to
	}
	to = append(to, `,"meta":{`...)
	from := len(to)
	if p.shows("resourceType") {
		to = appendText(appendName(to, "resourceType"), v.kind.Name)
	}
	if p.shows("created") {
		to = appendTime(appendName(to, "created"), r.Created)
	}
	if p.shows("lastModified") {
		to = appendTime(appendName(to, "lastModified"), r.Modified)
	}
	if p.shows("location") {
		to = appendText(appendName(to, "location"), v.kind.location(v.base, r.ID))
	}
	if p.shows("version") {
		to = appendText(appendName(to, "version"), etag(r.Version))
	}
	return append(append(to[:from], to[from+1:]...), '}') // a plan that shows meta shows one of these
}

func appendName(to []byte, name string) []byte {
	to = append(to, ',', '"')
	to = append(to, name...)
	return append(to, '"', ':')
}

func appendText(to []byte, text string) []byte {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r > '~' }) {
		to = append(to, '"')
		to = append(to, text...)
		return append(to, '"')
	}
	encoded, _ := json.Marshal(text) // a string always encodes
	return append(to, encoded...)
}

func appendTime(to []byte, t time.Time) []byte {
	to = append(to, '"')
	to = t.UTC().AppendFormat(to, time.RFC3339Nano)
	return append(to, '"')
}
