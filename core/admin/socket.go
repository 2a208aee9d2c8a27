package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// localPrefix is how the token of the local socket begins.
const localPrefix = "ghl"

// lockName is the file whose lock says that a host uses the folder. It is never
// removed: two hosts could then hold locks on two files of one name.
const lockName = "admin.lock"

// Socket is the local way to the API: a Unix socket in the host's data folder,
// and beside it the token that its callers have to present. The token is there
// because the socket's mode keeps out other users only: a plugin runs as the same
// user, and a confined one can connect to a socket but not read a file.
type Socket struct {
	path     string
	token    secret.Text
	lock     *os.File
	listener net.Listener
	server   *http.Server
}

// Listen opens the socket of a in the folder, which it makes if need be, and
// writes a fresh token. A socket that a dead host left behind is replaced; the error
// is a Problem (Conflict) if a host that lives uses the folder.
func Listen(ctx context.Context, folder string, a *API) (*Socket, error) {
	path, err := filepath.Abs(filepath.Join(folder, wire.SocketName))
	if err != nil {
		return nil, err
	}
	// The kernel's field holds the path and a null byte.
	if limit := len(unix.RawSockaddrUnix{}.Path) - 1; len(path) > limit {
		return nil, problem.New(problem.Invalid, "the path of the admin socket has %d bytes, and this system allows %d: %s", len(path), limit, path).
			WithHint("choose a data folder with a shorter path")
	}
	if err := private(folder); err != nil {
		return nil, err
	}
	s := &Socket{path: path, server: &http.Server{
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(a.Logger.Handler(), slog.LevelDebug),
	}}
	s.server.Handler = a.handler(s.actor)
	if s.lock, err = claim(filepath.Join(folder, lockName)); err != nil {
		return nil, err
	}
	if err := s.open(ctx, a.Random); err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	return s, nil
}

// private makes the folder, or refuses one that others can look into. It does
// not change the mode of a folder that was there: it may not be ours alone.
func private(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	info, err := os.Stat(folder)
	if err != nil {
		return fmt.Errorf("the data folder: %w", err)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return problem.New(problem.Invalid, "the data folder %s is open to other users (mode %04o)", folder, info.Mode().Perm()).
			WithHint("it holds what gives access to everything: give the host a folder of its own, with chmod 700")
	}
	return nil
}

// claim takes the lock, which the kernel gives free when the process ends,
// however it ends.
func claim(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("claiming the data folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("claiming the data folder: %w", err)
		}
		return nil, problem.New(problem.Conflict, "another host uses the data folder %s", filepath.Dir(path)).
			WithHint("stop it, or give this one a data folder of its own with --data or GATEHOUSE_DATA")
	}
	return f, nil
}

// open replaces what a dead host left: the lock says that nobody uses it. The
// token is there before the socket, so who can connect can also read it.
func (s *Socket) open(ctx context.Context, random io.Reader) (err error) {
	if s.token, err = secret.New(random, localPrefix, "local"); err != nil {
		return err
	}
	for path, kind := range map[string]fs.FileMode{s.path: fs.ModeSocket, s.tokenPath(): 0} {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Mode().Type() != kind {
			err = problem.New(problem.Conflict, "%s is in the way of the admin socket, and not ours", path).WithHint("move it away")
		}
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil {
			return err
		}
	}
	if err := writeNew(s.tokenPath(), s.token.Reveal()+"\n"); err != nil {
		return fmt.Errorf("writing the token of the admin socket: %w", err)
	}
	s.listener, err = (&net.ListenConfig{}).Listen(ctx, "unix", s.path)
	if err == nil {
		err = os.Chmod(s.path, 0o600) // until now the folder's mode keeps others out
	}
	if err != nil {
		err = fmt.Errorf("opening the admin socket: %w", err)
		if s.listener != nil {
			err = errors.Join(err, s.listener.Close())
		}
		return errors.Join(err, os.Remove(s.tokenPath()))
	}
	return nil
}

func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// Path is where the socket is.
func (s *Socket) Path() string { return s.path }

func (s *Socket) tokenPath() string { return filepath.Join(filepath.Dir(s.path), wire.TokenName) }

// actor lets in who presents the token of this start.
func (s *Socket) actor(r *http.Request) (actor, error) {
	text, err := bearer(r)
	if err != nil {
		return actor{}, err
	}
	if !text.Equal(s.token) {
		return actor{}, problem.New(problem.Unauthenticated, "this is not the token of the local socket").
			WithHint("it stands in %s beside the socket, and is another after each start", wire.TokenName)
	}
	return actor{name: "local"}, nil
}

// Serve answers until Close.
func (s *Socket) Serve() error {
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the admin socket: %w", err)
	}
	return nil
}

// drainLimit is how long Close waits for calls in flight.
const drainLimit = 5 * time.Second

// Close waits for the calls in flight, and takes socket and token away.
func (s *Socket) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainLimit) // no request's
	defer cancel()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	if closed := s.listener.Close(); !errors.Is(closed, net.ErrClosed) { // closed already, if it was served
		err = errors.Join(err, closed)
	}
	return errors.Join(err, os.Remove(s.tokenPath()), s.lock.Close())
}
