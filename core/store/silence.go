package store

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	connectTime = 5 * time.Second // for a new connection, unless the url says connect_timeout
	graceTime   = 2 * time.Second // a server that lives has ended the statement before
)

// audible makes connections on which a server may not be silent for longer than
// limit once something was sent. statement_timeout is kept by the server, and one
// that is stopped, or that the network no longer reaches, keeps nothing.
func audible(dial pgconn.DialFunc, limit time.Duration) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return limitedConn{conn, limit}, nil
	}
}

type limitedConn struct {
	net.Conn
	limit time.Duration
}

// Write gives what is sent, and the answer to it, their time. The end of a
// context, which pgx turns into a deadline, comes later than that and counts.
func (c limitedConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
