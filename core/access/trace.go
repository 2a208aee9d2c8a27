package access

import (
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"
)

// TraceID joins a request's answer, log lines and audit records. It is taken
// from a traceparent header (W3C Trace Context §3.2) or made at first use: most
// requests need none.
func (r *Request) TraceID() string {
	if r.Trace == "" {
		r.Trace = TraceID(r.Header)
	}
	return r.Trace
}

// TraceID returns the trace id of a request's headers, or a new one. It is no
// secret, and nothing is decided by it.
func TraceID(h http.Header) string {
	if parent := h.Get("Traceparent"); len(parent) == 55 && parent[2] == '-' && parent[35] == '-' {
		id := parent[3:35]
		if strings.Trim(id, "0123456789abcdef") == "" && strings.Trim(id, "0") != "" {
			return id
		}
	}
	var raw [16]byte
	hi, lo := rand.Uint64(), rand.Uint64() //nolint:gosec // an identifier, not a secret
	for i := range 8 {
		raw[i], raw[8+i] = byte(hi>>(8*i)), byte(lo>>(8*i))
	}
	return hex.EncodeToString(raw[:])
}
