package scim

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

const (
	scimMedia = "application/scim+json"
	jsonMedia = "application/json"
)

// checkContent refuses a body that says to be something else than JSON (RFC
// 7644 §3.1). A body that says nothing is taken for what it should be.
func checkContent(h http.Header) error {
	value := h.Get("Content-Type")
	if value == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(value)
	charset := params["charset"]
	if err != nil || (media != scimMedia && media != jsonMedia) || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return fail(http.StatusUnsupportedMediaType, "", "The body must be "+scimMedia+" or "+jsonMedia+" in UTF-8.")
	}
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return fail(http.StatusUnsupportedMediaType, "", "The body must not be compressed.")
	}
	return nil
}

// acceptLimit is how many ranges of an Accept header are looked at.
const acceptLimit = 32

// prefersJSON reports whether the answer is to be application/json, because its
// reader likes that more than application/scim+json (OL-08). Who takes neither
// gets the latter, as RFC 9110 §12.4.1 allows.
func prefersJSON(h http.Header) bool {
	var ofSCIM, ofJSON quality
	ranges := strings.Split(strings.Join(h.Values("Accept"), ","), ",")
	for _, r := range ranges[:min(len(ranges), acceptLimit)] {
		media, params, _ := strings.Cut(r, ";")
		media = strings.ToLower(strings.TrimSpace(media))
		q := weight(params)
		ofSCIM.take(media, scimMedia, q)
		ofJSON.take(media, jsonMedia, q)
	}
	return ofJSON.q > ofSCIM.q
}

// quality is what an Accept header says of one media type: the most specific
// range counts (RFC 9110 §12.5.1).
type quality struct {
	specific int
	q        float64
}

func (o *quality) take(media, of string, q float64) {
	var specific int
	switch media {
	case of:
		specific = 3
	case "application/*":
		specific = 2
	case "*/*", "*":
		specific = 1
	default:
		return
	}
	if specific > o.specific {
		o.specific, o.q = specific, q
	}
}

func weight(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "q") {
			if q, err := strconv.ParseFloat(value, 64); err == nil && q >= 0 && q <= 1 {
				return q
			}
			return 0
		}
	}
	return 1
}
