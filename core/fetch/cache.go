package fetch

import (
	"context"
	"crypto/sha256"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// entryKey is the digest of a URL: a URL may hold a secret, and need not be
// kept to be found.
type entryKey [sha256.Size]byte

func keyOf(u *url.URL) entryKey { return sha256.Sum256([]byte(u.String())) }

// kept is an answer in the cache. It does not change.
type kept struct {
	key    entryKey
	status int
	header http.Header
	body   []byte
	vary   http.Header // fields of the request that the answer depends on
	life   life
}

// entryOverhead is about what an entry costs beside its texts, in bytes.
const entryOverhead = 1 << 10

func (e *kept) size() int {
	n := entryOverhead + len(e.body)
	for _, h := range []http.Header{e.header, e.vary} {
		for name, values := range h {
			n += len(name)
			for _, v := range values {
				n += len(v)
			}
		}
	}
	return n
}

// exchange makes one hop: from the cache, or from the other side, which is then
// perhaps kept.
func (c *Client) exchange(ctx context.Context, in *partition, x outgoing) (answer, error) {
	if !x.cacheable() {
		a, err := c.send(ctx, in, x, nil)
		if err == nil && a.status < 400 && x.method != http.MethodGet && x.method != http.MethodHead {
			in.remove(keyOf(x.url)) // RFC 9111 4.4
		}
		return a, err
	}
	e, ok := in.find(keyOf(x.url))
	ok = ok && e.fits(x)
	asked := parseDirectives(x.header)
	if ok && e.life.serves(c.options.Clock(), asked) {
		return e.answer(c.options.Clock(), x)
	}
	var conditions http.Header
	if ok {
		conditions = e.conditions()
	}
	before := c.options.Clock()
	a, err := c.send(ctx, in, x, conditions)
	if err != nil {
		return answer{}, err
	}
	if a.status == http.StatusNotModified && len(conditions) > 0 {
		if !e.confirmedBy(a.header) { // it speaks of another answer: ask for the whole
			in.remove(e.key)
			return c.exchange(ctx, in, x)
		}
		fresh := e.updated(a.header, before, c.options.Clock())
		c.keep(in, x, asked, fresh)
		return fresh.answer(c.options.Clock(), x)
	}
	c.keep(in, x, asked, &kept{
		key: keyOf(x.url), status: a.status, header: a.header, body: a.body, vary: varied(a.header, x.header),
		life: newLife(a.header, before, c.options.Clock()),
	})
	return a, nil
}

// keep keeps an answer if it may be kept and is of use, else nothing is kept
// for its URL. RFC 9111 3.
func (c *Client) keep(in *partition, x outgoing, asked directives, e *kept) {
	if e.status >= 500 { // it says nothing about what was there before, which is asked for again
		return
	}
	if asked.has("no-store") || !e.storable() {
		in.remove(keyOf(x.url))
		return
	}
	in.keep(e)
}

// cacheable reports whether a request may be answered from the cache at all. One
// with a credential never is, and those that ask for a part, or with a condition
// of their own, are passed on.
func (x outgoing) cacheable() bool {
	return x.method == http.MethodGet && !x.secret &&
		x.header.Get("Range") == "" && x.header.Get("If-None-Match") == "" && x.header.Get("If-Modified-Since") == ""
}

// storable reports whether an answer may be kept, and would be of use.
func (e *kept) storable() bool {
	said := parseDirectives(e.header)
	switch e.status {
	case http.StatusOK, http.StatusNonAuthoritativeInfo, http.StatusMovedPermanently, http.StatusPermanentRedirect, http.StatusNotFound, http.StatusGone:
	default:
		return false
	}
	return !said.has("no-store") && e.header.Get("Set-Cookie") == "" && e.vary != nil &&
		(e.life.fresh > 0 || len(e.conditions()) > 0)
}

// varied are the fields of a request that its answer depends on; nil if that
// cannot be said. RFC 9111 4.1.
func varied(answered, asked http.Header) http.Header {
	out := http.Header{}
	for _, line := range answered.Values("Vary") {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			switch name {
			case "*":
				return nil
			case "":
			default:
				out[name] = asked[name]
			}
		}
	}
	return out
}

// fits reports whether a kept answer is one to this request.
func (e *kept) fits(x outgoing) bool {
	for name, values := range e.vary {
		if !slices.Equal(values, x.header[name]) {
			return false
		}
	}
	return true
}

// conditions ask whether the answer is still right.
func (e *kept) conditions() http.Header {
	h := http.Header{}
	if tag := e.header.Get("Etag"); tag != "" {
		h.Set("If-None-Match", tag)
	}
	if at := e.header.Get("Last-Modified"); at != "" {
		h.Set("If-Modified-Since", at)
	}
	return h
}

// confirmedBy reports whether "not modified" speaks of this answer.
// RFC 9111 4.3.4.
func (e *kept) confirmedBy(h http.Header) bool {
	weak := func(h http.Header) string { return strings.TrimPrefix(h.Get("Etag"), "W/") }
	return weak(h) == "" || weak(h) == weak(e.header)
}

// updated is the answer with what "not modified" says of it. RFC 9111 3.2.
func (e *kept) updated(h http.Header, before, after time.Time) *kept {
	out := *e
	out.header = e.header.Clone()
	out.header.Del("Age")
	out.header.Del("Date")
	for name, values := range h {
		switch name {
		case "Connection", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Keep-Alive", "Trailer", "Transfer-Encoding", "Upgrade", "Vary":
		default:
			out.header[name] = values
		}
	}
	out.life = newLife(out.header, before, after)
	return &out
}

// answer is a kept answer, with its age.
func (e *kept) answer(now time.Time, x outgoing) (answer, error) {
	if int64(len(e.body)) > x.limit {
		return answer{}, tooLarge(x.url.Hostname(), x.limit)
	}
	h := maps.Clone(e.header)
	h["Age"] = []string{e.life.ageInSeconds(now)}
	return answer{status: e.status, header: h, body: e.body, cached: true}, nil
}
