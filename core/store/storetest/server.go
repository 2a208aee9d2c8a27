package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNoServer is a machine without PostgreSQL.
var ErrNoServer = errors.New("there is no PostgreSQL server here: install Debian's package postgresql, or set GATEHOUSE_TEST_POSTGRES to a postgres:// URL")

const startLimit = 60 * time.Second

// server is a PostgreSQL server in a folder of its own, reached by a Unix
// socket in that folder only. It writes durably as a real one does.
type server struct {
	dir   string
	ended chan error // what its Wait answered
	proc  *os.Process
}

// Start starts a server and returns the URL of its superuser. It ends with
// stop, or with the process.
func Start() (url string, stop func() error, err error) {
	s, err := start()
	if err != nil {
		return "", nil, err
	}
	return s.url(), s.stop, nil
}

func start() (*server, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return nil, ErrNoServer
	}
	bin := filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "gatehouse-pg")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, ended: make(chan error, 1)}
	if err := s.launch(bin); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *server) url() string {
	return "postgres://postgres@/postgres?" + url.Values{"host": {s.dir}, "sslmode": {"disable"}}.Encode()
}

func (s *server) launch(bin string) error {
	as, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	// A locale that sorts as people do finds statements that lean on byte order.
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
		"--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US", "--no-instructions", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = s.dir, as
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	var log bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=300")
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as.Credential, Pdeathsig: syscall.SIGQUIT}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // Pdeathsig goes by the thread that started it
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			s.ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.proc = cmd.Process
	if err := s.ready(); err != nil {
		stopped := s.kill()
		return fmt.Errorf("%w (%w): %s", err, stopped, log.String())
	}
	return nil
}

// unprivileged is how PostgreSQL is started: it refuses to run as root.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// ready waits until the server answers.
func (s *server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.url())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case ended := <-s.ended:
			s.ended <- ended
			return fmt.Errorf("the server ended: %w", ended)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *server) kill() error {
	if err := s.proc.Signal(syscall.SIGQUIT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return <-s.ended
}

// stop ends the server and removes its folder.
func (s *server) stop() error {
	_ = s.kill() // an immediate shutdown ends with an exit status of its own
	return os.RemoveAll(s.dir)
}
