//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// load sends requests over connections that stay open, one at a time over each,
// from the calling thread alone. It is leaner than net/http's client, which
// would be at its end before a bare net/http server is.
type load struct {
	addr        string // host:port
	connections int

	// next returns the bytes of the next request, or nil when there is none
	// left.
	next func() []byte

	// answered, unless it is nil, is shown each answer, head and body, before the
	// next request is made.
	answered func(answer []byte)

	// limit ends the run when it has passed; 0 runs until next has no more.
	limit time.Duration
}

// outcome is what a run has seen. Requests that were refused count as well.
type outcome struct {
	requests int
	elapsed  time.Duration
	other    map[int]int     // how many answers had another status than 2xx
	took     []time.Duration // sorted
}

func (o outcome) perSecond() float64 { return float64(o.requests) / o.elapsed.Seconds() }

// percentile returns the time within which a share of the answers came.
func (o outcome) percentile(share float64) time.Duration {
	if len(o.took) == 0 {
		return 0
	}
	return o.took[min(len(o.took)-1, int(share*float64(len(o.took))))]
}

// check refuses a run in which not everything was accepted: the speed of
// refusals is not what is measured.
func (o outcome) check() error {
	if len(o.other) > 0 {
		return fmt.Errorf("%d requests, and these answers other than 2xx: %v", o.requests, o.other)
	}
	if o.requests == 0 {
		return errors.New("there was no request")
	}
	return nil
}

// maxAnswer is the longest answer that is taken, in bytes.
const maxAnswer = 1 << 20

type connection struct {
	fd   int
	sent time.Time
	in   []byte // what has come of the answer so far
}

// run sends the load.
func (l load) run() (outcome, error) {
	o := outcome{other: map[int]int{}}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return o, err
	}
	defer unix.Close(poll) //nolint:errcheck // nothing was written to it
	open := map[int32]*connection{}
	defer func() {
		for _, c := range open {
			_ = unix.Close(c.fd)
		}
	}()
	for range l.connections {
		fd, err := connect(l.addr)
		if err != nil {
			return o, err
		}
		c := &connection{fd: fd, in: make([]byte, 0, 4096)}
		open[int32(fd)] = c
		if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return o, err
		}
	}
	start := time.Now()
	end := start.Add(l.limit)
	busy := 0
	send := func(c *connection) error {
		if l.limit > 0 && !time.Now().Before(end) {
			return nil
		}
		request := l.next()
		if request == nil {
			return nil
		}
		busy++
		c.sent = time.Now()
		if n, err := unix.Write(c.fd, request); err != nil || n != len(request) {
			return fmt.Errorf("sending: %d of %d bytes: %w", n, len(request), err)
		}
		return nil
	}
	for _, c := range open {
		if err := send(c); err != nil {
			return o, err
		}
	}
	events := make([]unix.EpollEvent, l.connections)
	for busy > 0 {
		n, err := unix.EpollWait(poll, events, int(answerLimit.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return o, err
		}
		if n == 0 {
			return o, fmt.Errorf("no answer within %s; %d had come", answerLimit, o.requests)
		}
		for _, e := range events[:n] {
			c := open[e.Fd]
			status, done, err := c.read()
			if err != nil {
				return o, err
			}
			if !done {
				continue
			}
			busy--
			o.requests++
			o.took = append(o.took, time.Since(c.sent))
			if l.answered != nil {
				l.answered(c.in)
			}
			c.in = c.in[:0]
			if status < 200 || status > 299 {
				o.other[status]++
			}
			if err := send(c); err != nil {
				return o, err
			}
		}
	}
	o.elapsed = time.Since(start)
	slices.Sort(o.took)
	return o, nil
}

// answerLimit is how long the slowest answer may take.
const answerLimit = 30 * time.Second

func connect(addr string) (int, error) {
	to, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	sa := &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}
	if err := errors.Join(unix.Connect(fd, sa), unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)); err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// read takes what has come, and reports whether the answer is complete.
func (c *connection) read() (status int, done bool, err error) {
	if len(c.in) == cap(c.in) {
		c.in = slices.Grow(c.in, max(4096, len(c.in)))
	}
	n, err := unix.Read(c.fd, c.in[len(c.in):cap(c.in)])
	if err != nil {
		return 0, false, fmt.Errorf("reading: %w", err)
	}
	if n == 0 {
		return 0, false, errors.New("the server closed the connection")
	}
	c.in = c.in[:len(c.in)+n]
	status, length, complete, err := parse(c.in)
	if err != nil || !complete {
		return 0, false, err
	}
	if length != len(c.in) {
		return 0, false, fmt.Errorf("%d bytes came after an answer", len(c.in)-length)
	}
	return status, true, nil
}

// parse reads the status and the whole length of an answer (RFC 9112), if that
// much has come.
func parse(in []byte) (status, length int, complete bool, err error) {
	if len(in) > maxAnswer {
		return 0, 0, false, fmt.Errorf("the answer is over %d bytes", maxAnswer)
	}
	head, _, ok := bytes.Cut(in, []byte("\r\n\r\n"))
	if !ok {
		return 0, 0, false, nil
	}
	first, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if len(first) < len("HTTP/1.1 200") || !bytes.HasPrefix(first, []byte("HTTP/1.1 ")) {
		return 0, 0, false, fmt.Errorf("this is no answer of HTTP/1.1: %q", first)
	}
	if status, err = strconv.Atoi(string(first[9:12])); err != nil {
		return 0, 0, false, fmt.Errorf("this is no answer of HTTP/1.1: %q", first)
	}
	if bytes.Contains(fields, []byte("Transfer-Encoding: chunked")) {
		length, complete, err = chunked(in, len(head)+4)
		return status, length, complete, err
	}
	_, rest, ok := bytes.Cut(fields, []byte("Content-Length: "))
	if !ok && status != 204 && status != 304 {
		return 0, 0, false, errors.New("the answer has no Content-Length")
	}
	body := 0
	if ok {
		value, _, _ := bytes.Cut(rest, []byte("\r\n"))
		if body, err = strconv.Atoi(string(value)); err != nil || body < 0 {
			return 0, 0, false, fmt.Errorf("this is no Content-Length: %q", value)
		}
	}
	length = len(head) + 4 + body
	return status, length, len(in) >= length, nil
}

// chunked finds the end of a body in chunks without trailers (RFC 9112 §7.1),
// which begins at a place within an answer.
func chunked(in []byte, at int) (length int, complete bool, err error) {
	for {
		line, _, ok := bytes.Cut(in[at:], []byte("\r\n"))
		if !ok {
			return 0, false, nil
		}
		size, err := strconv.ParseUint(string(line), 16, 32)
		if err != nil {
			return 0, false, fmt.Errorf("this is no size of a chunk: %q", line)
		}
		at += len(line) + 2 + int(size) + 2
		if at > len(in) {
			return 0, false, nil
		}
		if size == 0 {
			return at, true, nil
		}
	}
}
