package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

func (s *Store) openSQLite(ctx context.Context, path string, o Options) error {
	s.dialect = SQLite
	if path == "" || strings.ContainsAny(path, "?#") {
		return problem.New(problem.Invalid, "the store's url names no file, or has parameters").
			WithHint("write sqlite:///var/lib/gatehouse/gatehouse.db")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("finding the database file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return explain(err)
	}
	lock, err := lockFile(path+".lock", time.Now)
	if err != nil {
		return err
	}
	s.claim = lock
	if err := s.openFile(ctx, path, o); err != nil {
		_ = lock.release()
		return explain(err)
	}
	g := newGroup(ctx, s.writer, s.doubt)
	s.write, s.stop = g.write, g.stop
	return nil
}

// openFile makes the file before SQLite does, because SQLite would give it
// the mode that the umask leaves; its companions take the mode of the file.
func (s *Store) openFile(ctx context.Context, path string, o Options) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		s.log.WarnContext(ctx, "the database file can be read by others", "file", path, "mode", info.Mode().Perm())
	}
	wait := o.StatementTime
	if wait == 0 {
		wait = 2 * time.Second
	}
	s.present = func() error { return sameFile(path, info) }
	if s.writer, err = openPool(ctx, path, wait, 1, s.present, url.Values{"_txlock": {"immediate"}}); err != nil {
		return err
	}
	s.reader, err = openPool(ctx, path, wait, o.Readers, s.present, url.Values{"_query_only": {"1"}})
	if err != nil {
		_ = s.writer.Close()
	}
	return err
}

// sameFile refuses when a path does not lead to the file any more that was
// opened: SQLite would go on writing to one that nobody can open again, and
// what it acknowledged would be lost with this process.
func sameFile(path string, opened os.FileInfo) error {
	now, err := os.Stat(path)
	if err == nil && os.SameFile(now, opened) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s is another file than the one that was opened", path)
	}
	return unavailable(err, "the database file was removed or replaced while the host runs",
		"put back the very file that was moved away, or restore a backup and restart the host")
}

// connector opens the file's connections. A pool opens another one when it has
// to, long after the first: it must not be to another file.
type connector struct {
	name    string
	present func() error
}

// Connect implements driver.Connector.
func (c connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.Driver().Open(c.name)
	if gone := c.present(); gone != nil {
		if err == nil {
			_ = conn.Close()
		}
		return nil, gone
	}
	if err != nil {
		return nil, err
	}
	return newParsingConn(conn.(sqliteConn)), nil
}

// Driver implements driver.Connector.
func (connector) Driver() driver.Driver { return &sqlite.Driver{} }

// openPool opens connections that all have the same settings: they stand in
// the DSN, since a PRAGMA reaches only the connection that it was run on.
func openPool(ctx context.Context, path string, wait time.Duration, conns int, present func() error, dsn url.Values) (*sql.DB, error) {
	dsn["_pragma"] = []string{
		"busy_timeout(" + strconv.FormatInt(wait.Milliseconds(), 10) + ")", // first: the next one may have to wait
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"temp_store(MEMORY)", // what a savepoint may have to undo is not written to a file of its own
	}
	dsn.Set("_dqs", "0")
	dsn.Set("_defensive", "1")
	dsn.Set("mode", "rw") // a file that was moved away is not made anew, without a table in it
	name := url.URL{Scheme: "file", Path: path, RawQuery: dsn.Encode()}
	db := sql.OpenDB(connector{name: name.String(), present: present})
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	var tables int // makes SQLite read the file, so that a damaged one is found now
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}
