package store

import (
	"container/list"
	"context"
	"database/sql/driver"
	"errors"
)

// parsedLimit is how many statements one connection keeps. What rooms ask is a
// hundred constants; the filters of clients make ever new ones.
const parsedLimit = 128

// sqliteConn is what database/sql uses of the driver's connections.
type sqliteConn interface {
	driver.Conn
	driver.Pinger
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.SessionResetter
	driver.Validator
}

// parsingConn is a connection that parses a statement once, as pgx does for
// PostgreSQL: for SQLite reading a text takes longer than doing what it says. As
// with every driver.Conn, one goroutine uses it at a time.
type parsingConn struct {
	sqliteConn
	known map[string]*list.Element // of *parsed, by its text
	order *list.List               // the one that was used last in front
}

type parsed struct {
	text string
	stmt driver.Stmt
	lent bool // to rows that are not closed yet
}

func newParsingConn(c sqliteConn) *parsingConn {
	return &parsingConn{sqliteConn: c, known: map[string]*list.Element{}, order: list.New()}
}

// ExecContext implements driver.ExecerContext.
func (c *parsingConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	p, err := c.take(ctx, text)
	if err != nil {
		return nil, err
	}
	result, err := p.stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	if err = errors.Join(err, c.giveBack(p, err)); err != nil {
		return nil, err
	}
	return result, nil
}

// QueryContext implements driver.QueryerContext.
func (c *parsingConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	p, err := c.take(ctx, text)
	if err != nil {
		return nil, err
	}
	rows, err := p.stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		return nil, errors.Join(err, c.giveBack(p, err))
	}
	return &lentRows{Rows: rows, conn: c, of: p}, nil
}

// Close implements driver.Conn.
func (c *parsingConn) Close() error {
	var errs []error
	for e := c.order.Front(); e != nil; e = e.Next() {
		errs = append(errs, e.Value.(*parsed).stmt.Close())
	}
	clear(c.known)
	c.order.Init()
	return errors.Join(append(errs, c.sqliteConn.Close())...)
}

// take gives a statement to whoever runs it. One whose rows somebody still reads
// is not run again: there is another one until they are closed.
func (c *parsingConn) take(ctx context.Context, text string) (*parsed, error) {
	if e, ok := c.known[text]; ok && !e.Value.(*parsed).lent {
		c.order.MoveToFront(e)
		p := e.Value.(*parsed)
		p.lent = true
		return p, nil
	}
	stmt, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	p := &parsed{text: text, stmt: stmt, lent: true}
	if _, ok := c.known[text]; !ok {
		c.known[text] = c.order.PushFront(p)
	}
	return p, c.trim()
}

// giveBack keeps a statement for the next time, unless it failed or is one too
// many.
func (c *parsingConn) giveBack(p *parsed, failed error) error {
	p.lent = false
	e, ok := c.known[p.text]
	kept := ok && e.Value == p
	if kept && failed == nil {
		return nil
	}
	if kept {
		delete(c.known, p.text)
		c.order.Remove(e)
	}
	return p.stmt.Close()
}

// trim forgets the one that nobody has used for longest. If it is lent, it is
// closed when it comes back.
func (c *parsingConn) trim() error {
	if c.order.Len() <= parsedLimit {
		return nil
	}
	p := c.order.Remove(c.order.Back()).(*parsed)
	delete(c.known, p.text)
	if p.lent {
		return nil
	}
	return p.stmt.Close()
}

// lentRows are the rows of a statement that goes back when they are closed.
type lentRows struct {
	driver.Rows
	conn *parsingConn
	of   *parsed
}

// Close implements driver.Rows.
func (r *lentRows) Close() error {
	if r.of == nil {
		return nil
	}
	err := r.Rows.Close()
	err = errors.Join(err, r.conn.giveBack(r.of, err))
	r.of = nil
	return err
}
