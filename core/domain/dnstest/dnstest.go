// Package dnstest is a DNS server for tests, over UDP and TCP on one address of the
// loopback interface. It knows TXT records, and how a server fails.
package dnstest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Server answers what it was told. A name that it was told nothing of does not exist.
type Server struct {
	Addr string // "127.0.0.1:port"

	mu     sync.Mutex
	zone   map[string]answer // by name, with the dot at its end
	asked  map[string]int
	served sync.WaitGroup
}

type answer struct {
	code   dnsmessage.RCode
	texts  []string
	silent bool
}

// udpSize is what fits into a datagram; what does not is asked for again by TCP.
const udpSize = 512

// New starts a server, which ends with the test.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{zone: map[string]answer{}, asked: map[string]int{}}
	var listen net.ListenConfig
	stream, err := listen.Listen(tb.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s.Addr = stream.Addr().String()
	packets, err := listen.ListenPacket(context.WithoutCancel(tb.Context()), "udp4", s.Addr)
	if err != nil {
		_ = stream.Close()
		tb.Skipf("the port of a free TCP address is taken by UDP: %v", err)
	}
	tb.Cleanup(func() {
		_, _ = stream.Close(), packets.Close()
		s.served.Wait()
	})
	s.served.Go(func() { s.servePackets(packets) })
	s.served.Go(func() { s.serveStream(stream) })
	return s
}

// Publish gives a name TXT records in place of those that it has; without any it
// exists and has none.
func (s *Server) Publish(name string, texts ...string) { s.set(name, answer{texts: texts}) }

// Fail has questions for a name answered with a code.
func (s *Server) Fail(name string, code dnsmessage.RCode) { s.set(name, answer{code: code}) }

// Silence leaves questions for a name without an answer.
func (s *Server) Silence(name string) { s.set(name, answer{silent: true}) }

// Asked is how often somebody has asked for a name.
func (s *Server) Asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[strings.ToLower(name)+"."]
}

func (s *Server) set(name string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone[strings.ToLower(name)+"."] = a
}

func (s *Server) servePackets(c net.PacketConn) {
	in := make([]byte, 64<<10)
	for {
		n, from, err := c.ReadFrom(in)
		if err != nil {
			return
		}
		if out := s.answer(in[:n], udpSize); out != nil {
			_, _ = c.WriteTo(out, from)
		}
	}
}

func (s *Server) serveStream(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		func() {
			defer c.Close()
			var size [2]byte
			if _, err := io.ReadFull(c, size[:]); err != nil {
				return
			}
			in := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(c, in); err != nil {
				return
			}
			if out := s.answer(in, 64<<10-1); out != nil {
				_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
			}
		}()
	}
}

// answer makes a response; nil is none.
func (s *Server) answer(in []byte, limit int) []byte {
	var p dnsmessage.Parser
	header, err := p.Start(in)
	if err != nil {
		return nil
	}
	question, err := p.Question()
	if err != nil {
		return nil
	}
	name := strings.ToLower(question.Name.String())
	s.mu.Lock()
	s.asked[name]++
	a, ok := s.zone[name]
	s.mu.Unlock()
	if a.silent {
		return nil
	}
	if !ok {
		a.code = dnsmessage.RCodeNameError
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: header.ID, Response: true, RecursionDesired: header.RecursionDesired, RecursionAvailable: true, RCode: a.code},
		Questions: []dnsmessage.Question{question},
	}
	if question.Type == dnsmessage.TypeTXT {
		for _, text := range a.texts {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET},
				Body:   &dnsmessage.TXTResource{TXT: split(text)},
			})
		}
	}
	out, err := m.Pack()
	if err != nil || len(out) > limit {
		m.Truncated, m.Answers = true, nil
		if out, err = m.Pack(); err != nil {
			return nil
		}
	}
	return out
}

// split makes the strings of a TXT record, of 255 bytes at most (RFC 1035 §3.3).
func split(text string) (parts []string) {
	for len(text) > 255 {
		parts, text = append(parts, text[:255]), text[255:]
	}
	return append(parts, text)
}
