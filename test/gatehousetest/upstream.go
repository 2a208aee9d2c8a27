package gatehousetest

import (
	"bufio"
	"net"
	"net/http"
	"testing"
)

// Upstream is an application that reads a request of each connection, lets treat
// do with the connection what it likes, and closes it. It ends with the test.
func Upstream(tb testing.TB, treat func(net.Conn)) (url string) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					treat(conn)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}
