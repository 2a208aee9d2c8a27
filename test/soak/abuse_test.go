//go:build linux

package soak_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// inner is a request that nobody has sent if the outer one is read as it should
// be, or that comes without a credential.
const inner = "GET /api/v1/query/smuggled HTTP/1.1\r\nHost: app\r\n\r\n"

// shapes are requests that two parties may read differently (RFC 9112, section
// 11.2), after which inner follows. %s are the credential and a Host.
func shapes() []string {
	const post = "POST /api/v1/query/execute HTTP/1.1\r\n%s"
	return []string{
		post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		post + "Content-Length: 5, 5\r\n\r\nhello",
		post + "Content-Length: +5\r\n\r\nhello",
		post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding: chunked\r\n\r\n1;a\n=\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
		post + "X-A: b\r\n Content-Length: 100\r\n\r\n",
		post + "X-A: b\rContent-Length: 100\r\n\r\n",
		post + "X-A: b\x00\r\n\r\n",
		"GET http://elsewhere/api/v1/query/%%2e%%2e/smuggled HTTP/1.1\r\n%s\r\n",
		"CONNECT elsewhere:443 HTTP/1.1\r\n%s\r\n",
		"GET /open/..%%2fapi/v1/query/smuggled HTTP/1.1\r\n%s\r\n",
		"GET * HTTP/1.1\r\n%s\r\n",
	}
}

// abuse sends what no client sends, until ctx ends.
func (s *soak) abuse(ctx context.Context, r *rand.Rand) {
	var slow []*tls.Conn
	closeAll := func() {
		for _, conn := range slow {
			_ = conn.Close()
		}
		slow = nil
	}
	defer closeAll()
	for all := shapes(); ctx.Err() == nil; s.abuses.Add(1) {
		time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
		began := time.Now()
		var err error
		switch n := r.IntN(10); {
		case n == 0:
			err = s.reset(1 + r.IntN(200))
		case n < 3: // headers that never end
			var conn *tls.Conn
			if conn, err = s.dial("http/1.1"); err == nil {
				_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nX-Slow: "[:1+r.IntN(20)])
				if slow = append(slow, conn); len(slow) > 20 {
					closeAll()
				}
			}
		default:
			if k := s.ledger.good(r); k != nil {
				err = s.smuggle(fmt.Sprintf(all[r.IntN(len(all))], fmt.Sprintf("Host: %s\r\nX-Client-Id: %s\r\nX-Client-Secret: %s\r\n", s.Addr, k.client, k.secret)))
			}
		}
		if err != nil && !s.outage.excuses(began) {
			s.violated("the listener goes on after abuse", "%v", err)
		}
		if n := s.smuggled.Swap(0); n > 0 {
			s.violated("no request reaches the application within another", "%d did", n)
		}
	}
}

func (s *soak) dial(protocol string) (*tls.Conn, error) {
	conn, err := tls.Dial("tcp", s.Addr, &tls.Config{NextProtos: []string{protocol}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, err
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != protocol {
		return nil, errors.Join(fmt.Errorf("negotiated %q, want %q", got, protocol), conn.Close())
	}
	return conn, conn.SetDeadline(time.Now().Add(2 * time.Second))
}

// smuggle sends a request and the inner one, and reads what comes. What that is
// does not matter: the application tells what it has seen.
func (s *soak) smuggle(outer string) error {
	conn, err := s.dial("http/1.1")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, outer+inner); err == nil {
		_, _ = io.CopyN(io.Discard, conn, 64)
	}
	return nil
}

// reset opens streams and resets each at once (CVE-2023-44487).
func (s *soak) reset(streams int) error {
	conn, err := s.dial("h2")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	var fields bytes.Buffer
	encoder, framer := hpack.NewEncoder(&fields), http2.NewFramer(conn, conn)
	if _, err = io.WriteString(conn, http2.ClientPreface); err == nil {
		err = framer.WriteSettings()
	}
	for id := uint32(1); err == nil && id < uint32(2*streams); id += 2 {
		fields.Reset()
		for name, value := range map[string]string{":method": http.MethodGet, ":path": "/api/v1/query/x", ":scheme": "https", ":authority": s.Addr} {
			_ = encoder.WriteField(hpack.HeaderField{Name: name, Value: strings.TrimSpace(value)}) // into memory
		}
		err = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: fields.Bytes(), EndHeaders: true, EndStream: true})
		if err == nil {
			err = framer.WriteRSTStream(id, http2.ErrCodeCancel)
		}
	}
	return nil // it may have had enough, which is its right
}
