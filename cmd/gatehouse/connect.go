package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// Environment variables that say where the host is.
const (
	envSocket = "GATEHOUSE_SOCKET"
	envData   = "GATEHOUSE_DATA"
	envURL    = "GATEHOUSE_URL"
	envToken  = "GATEHOUSE_ADMIN_TOKEN"
)

const defaultData = ".gatehouse"

// connection says where the host is. Its fields have no defaults, so that what
// was written on the command line can be told from what was not.
type connection struct {
	Socket string      `group:"Which host:" placeholder:"PATH" help:"Its local socket (GATEHOUSE_SOCKET)."`
	Data   string      `group:"Which host:" placeholder:"DIR" help:"Its data folder, in which the socket is (GATEHOUSE_DATA, else .gatehouse)."`
	URL    string      `group:"Which host:" name:"url" placeholder:"URL" help:"Its address (GATEHOUSE_URL), with a token."`
	Token  secretInput `group:"Which host:" placeholder:"TOKEN" help:"An admin token for the address. Others see arguments: use GATEHOUSE_ADMIN_TOKEN."`
}

// secretInput is a secret from the command line, which no message repeats.
type secretInput struct{ secret.Text }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *secretInput) UnmarshalText(text []byte) error { //nolint:unparam // the interface's
	s.Text = secret.Text(text)
	return nil
}

// dial finds the host. What the command line or GATEHOUSE_SOCKET names is the
// only place that is looked at: a command must not reach another host than the
// one that was meant. Else it is the socket in the data folder, and if nobody
// listens there, GATEHOUSE_URL; a GATEHOUSE_DATA that is no folder is a mistake.
func (c connection) dial(ctx context.Context, t *terminal) (*admin.Host, error) {
	env := func(name string) string { value, _ := t.env(name); return value }
	token := c.Token.Text
	if token == "" {
		token = secret.Text(env(envToken))
	}
	switch {
	case c.Socket != "" && c.URL != "", c.Socket != "" && c.Data != "", c.Data != "" && c.URL != "":
		return nil, usagef("--socket, --data and --url each name a host: give one of them")
	case c.URL != "":
		return admin.Dial(ctx, admin.Options{URL: c.URL, Token: token})
	case c.Socket != "":
		return admin.Dial(ctx, admin.Options{Socket: c.Socket})
	case c.Data != "":
		return admin.Dial(ctx, admin.Options{Socket: filepath.Join(c.Data, admin.SocketName)})
	case c.Token.Text != "":
		if env(envURL) == "" {
			return nil, usagef("--token is for a host that --url or %s names", envURL)
		}
		return admin.Dial(ctx, admin.Options{URL: env(envURL), Token: token})
	case env(envSocket) != "":
		return admin.Dial(ctx, admin.Options{Socket: env(envSocket)})
	}
	data := env(envData)
	if data == "" {
		data = defaultData
	} else if err := isFolder(data); err != nil {
		return nil, err
	}
	socket := filepath.Join(data, admin.SocketName)
	h, err := admin.Dial(ctx, admin.Options{Socket: socket})
	if err == nil || !problem.Is(err, problem.Unavailable) {
		return h, err
	}
	if env(envURL) != "" {
		return admin.Dial(ctx, admin.Options{URL: env(envURL), Token: token})
	}
	return nil, nobody(socket, err)
}

// isFolder refuses a data folder of the environment that is none: whoever
// mistyped it means a host on this machine, and not the one of GATEHOUSE_URL.
func isFolder(data string) error {
	const hint = "start a host that uses it, correct the variable, or unset it"
	info, err := os.Stat(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return problem.New(problem.NotFound, "%s names the data folder %s, which does not exist", envData, data).WithHint(hint)
	case errors.Is(err, fs.ErrPermission):
		return problem.New(problem.Forbidden, "%s names the data folder %s, which this user may not look into", envData, data).
			WithHint("run the command as the user that the host runs as")
	case err != nil:
		return problem.Wrap(err, problem.Invalid, "%s names the data folder %s, which cannot be looked into", envData, data).WithHint(hint)
	case !info.IsDir():
		return problem.New(problem.Invalid, "%s names the data folder %s, which is no folder", envData, data).WithHint(hint)
	}
	return nil
}

// nobody says what was tried.
func nobody(socket string, err error) error {
	cause := errors.Unwrap(problem.As(err))
	return problem.New(problem.Unavailable, "no host was found").WithHint("%s\n%s\n%s",
		fmt.Sprintf("tried the socket %s: %v", socket, cause),
		fmt.Sprintf("tried %s: it is not set", envURL),
		"start a host with gatehouse serve or gatehouse dev, or say where it is: --data, --socket or --url")
}

// idOf is the id of a key or token that was named on the command line. Whoever
// pastes the whole secret means what it is of, and no message repeats the rest.
func idOf(text string) string {
	if _, id, err := secret.Parse(secret.Text(text)); err == nil {
		return id
	}
	return text
}
