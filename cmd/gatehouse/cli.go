package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/gatehouse-id/gatehouse/core/host"
	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// cli is the command line.
type cli struct {
	ShowVersion kong.VersionFlag `name:"version" help:"Print the version, and nothing else."`

	Serve    serveCommand    `cmd:"" help:"Run the host."`
	Dev      devCommand      `cmd:"" help:"Run the host for development, with a demonstration application."`
	Validate validateCommand `cmd:"" help:"Say what is wrong with a configuration, without running it."`
	Apply    applyCommand    `cmd:"" help:"Make a configuration the one in force."`
	Fmt      fmtCommand      `cmd:"" help:"Bring configuration files into their usual layout."`

	Status statusCommand `cmd:"" help:"Say how a running host is, and what is wrong."`

	Keys struct {
		Create keysCreateCommand `cmd:"" help:"Make a key, and its client if need be."`
		List   keysListCommand   `cmd:"" help:"List the clients."`
		Show   keysShowCommand   `cmd:"" help:"Show a client, its roles, and which of its keys are used."`
		Update keysUpdateCommand `cmd:"" help:"Change a client that was made at run time."`
		Import keysImportCommand `cmd:"" help:"Import keys that another system has made and hashed."`
		Rotate keysRotateCommand `cmd:"" help:"Make a new key, and end the one in use after an overlap."`
		Revoke keysRevokeCommand `cmd:"" help:"End a key for good, with the next request."`
	} `cmd:"" help:"Clients and their API keys."`

	SCIMToken struct {
		Create scimTokenCreateCommand `cmd:"" help:"Make a token for the identity provider of a connection."`
		List   scimTokenListCommand   `cmd:"" help:"List the tokens, and when each was used."`
		Revoke scimTokenRevokeCommand `cmd:"" help:"End a token with the next request."`
	} `cmd:"" name:"scim-token" help:"Tokens by which identity providers come in."`

	Connections struct {
		List connectionsListCommand `cmd:"" help:"List the connections, and how each is doing."`
		Show connectionsShowCommand `cmd:"" help:"Show a connection, and how it is doing."`
	} `cmd:"" help:"Connections to identity providers."`

	Pull pullCommand `cmd:"" help:"Ask the identity provider of a connection for its people now."`

	SCIMLog scimLogCommand `cmd:"" name:"scim-log" help:"Show what an identity provider has asked for, and was answered."`

	Brake struct {
		List    brakeListCommand    `cmd:"" help:"Say who has left, and what waits for you."`
		Release brakeReleaseCommand `cmd:"" help:"Let those go for good who wait."`
		Discard brakeDiscardCommand `cmd:"" help:"Restore those who have left as they were."`
	} `cmd:"" help:"What stops a mass deactivation."`

	Users struct {
		List  usersListCommand  `cmd:"" help:"List users."`
		Show  usersShowCommand  `cmd:"" help:"Show a user, their groups, and why they have which roles."`
		Unpin usersUnpinCommand `cmd:"" help:"Match the next sign-on of a user as the first was."`
	} `cmd:"" help:"People that identity providers bring."`

	Explain explainCommand `cmd:"" help:"Say why somebody has which roles, or why a request was decided on as it was."`

	Sessions struct {
		List   sessionsListCommand   `cmd:"" help:"List who has signed on."`
		Revoke sessionsRevokeCommand `cmd:"" help:"End a session with the next request."`
	} `cmd:"" help:"Sessions of people with a browser."`

	Domain struct {
		Add    domainAddCommand    `cmd:"" help:"Claim a domain, and print the DNS record that proves it."`
		Verify domainVerifyCommand `cmd:"" help:"Prove a domain by its DNS record."`
		List   domainListCommand   `cmd:"" help:"List the domains that are claimed or proved."`
		Remove domainRemoveCommand `cmd:"" help:"Take a domain away from its organization."`
	} `cmd:"" help:"E-mail domains of organizations, proved at run time."`

	Groups struct {
		List groupsListCommand `cmd:"" help:"List groups."`
		Show groupsShowCommand `cmd:"" help:"Show a group and who is in it."`
	} `cmd:"" help:"Groups that identity providers bring."`

	Plugins struct {
		List   pluginsListCommand   `cmd:"" help:"List the plugin processes of a running host."`
		Verify pluginsVerifyCommand `cmd:"" help:"Compare the plugins of a configuration with their digests, and start each once."`
	} `cmd:"" help:"Plugins and their processes."`

	Keyring struct {
		List   keyringListCommand   `cmd:"" help:"List the keys, and how many records need each."`
		Rotate keyringRotateCommand `cmd:"" help:"Make new keys; or seal all with a new root key."`
	} `cmd:"" help:"Keys of the host's own."`

	Admin struct {
		Token struct {
			Create tokenCreateCommand `cmd:"" help:"Make a token."`
			List   tokenListCommand   `cmd:"" help:"List the tokens."`
			Revoke tokenRevokeCommand `cmd:"" help:"End a token at once."`
		} `cmd:"" help:"Tokens of the admin API."`
	} `cmd:"" help:"Access to the admin API."`

	Simulate simulateCommand `cmd:"" help:"Play an identity provider that pushes its people to a SCIM server."`

	Version    versionCommand    `cmd:"" help:"Print the version."`
	Completion completionCommand `cmd:"" help:"Print a script that completes commands in a shell."`
}

const description = "Gatehouse stands before an application and tells it who calls: " +
	"from which organization, with which roles."

// newParser reads the grammar. exit is called by --help.
func newParser(t *terminal, exit func(int)) (*kong.Kong, error) {
	return kong.New(&cli{},
		kong.Name("gatehouse"), kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: defaultWidth}),
		kong.Writers(t.out, t.err), kong.Exit(exit), kong.Bind(t), kong.Vars{"version": "gatehouse " + version})
}

// helped is how --help ends the parsing.
type helped struct{}

// run does what the arguments say and returns the exit status.
func run(ctx context.Context, args []string, t *terminal) (status int) {
	parser, err := newParser(t, func(int) { panic(helped{}) })
	if err != nil {
		t.fail(err)
		return exitFailed
	}
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(helped); !ok {
				panic(r)
			}
			status = exitOK
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err == nil {
		parsed.BindTo(ctx, (*context.Context)(nil))
		err = parsed.Run()
	}
	return t.exit(err)
}

// usageError is a command line that kong takes and that means nothing.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errSilent fails a command that has said everything already.
var errSilent = errors.New("")

// errWrong ends a command that has said what is wrong with the host.
var errWrong = errors.New("something is wrong with the host")

// exit says what went wrong and gives the status for it.
func (t *terminal) exit(err error) int {
	var parse *kong.ParseError
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &parse):
		t.complain("gatehouse: %s\nRun \"%s --help\" to see how.\n", err, commandOf(parse.Context))
		return exitUsage
	case errors.As(err, &usage):
		t.complain("gatehouse: %s\n", err)
		return exitUsage
	case errors.Is(err, errWrong):
		return exitWrong
	case errors.Is(err, errSilent):
		return exitFailed
	case errors.Is(err, host.ErrConfiguration):
		t.complain("gatehouse: %s\n", err)
		return exitFailed
	}
	t.fail(err)
	return exitFailed
}

func commandOf(c *kong.Context) string {
	if node := c.Selected(); node != nil {
		return node.FullPath()
	}
	return "gatehouse"
}

// fail prints an error: what happened, what to do, and what joins it to the
// host's log.
func (t *terminal) fail(err error) {
	var p *problem.Problem
	if !errors.As(err, &p) {
		t.complain("gatehouse: %s\n", err)
		return
	}
	t.complain("gatehouse: %s\n", p.Detail)
	if cause := errors.Unwrap(p); cause != nil {
		t.complain("  because: %s\n", cause)
	}
	if p.Hint != "" {
		for line := range strings.SplitSeq(p.Hint, "\n") {
			t.complain("  %s\n", line)
		}
	}
	var answer *admin.Error
	if errors.As(err, &answer) && answer.TraceID != "" && p.Code.Status() >= 500 {
		t.complain("  the host's log has more, under trace id %s\n", answer.TraceID)
	}
}

// terminal is where a command reads and writes.
type terminal struct {
	out, err io.Writer
	in       io.Reader
	env      func(string) (string, bool)
	width    int  // in columns
	piped    bool // another program reads what is written
	asks     bool // somebody reads what is written, and can answer
	color    bool
}

const defaultWidth = 80

// span is a duration on the command line: as Go writes it, or in days.
type span time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *span) UnmarshalText(text []byte) error {
	const day = 24 * time.Hour
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		n, err := strconv.Atoi(days)
		const most = 100_000 // an int64 of nanoseconds holds more
		if err == nil && n >= 0 && n <= most {
			*s = span(time.Duration(n) * day)
			return nil
		}
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no duration such as 24h or 90d", text)
	}
	*s = span(d)
	return nil
}

// lifetime is a span of something that lives at all.
type lifetime struct{ span }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *lifetime) UnmarshalText(text []byte) error {
	if err := l.span.UnmarshalText(text); err != nil {
		return err
	}
	if l.span == 0 {
		return fmt.Errorf("%q ends as soon as it begins", text)
	}
	return nil
}
