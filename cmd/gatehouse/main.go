// Command gatehouse is Gatehouse: the host, and the commands that talk to one.
// It parses the command line and calls core/host or the admin API; what happens
// is decided there.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"golang.org/x/term"

	"github.com/gatehouse-id/gatehouse/core/host"
	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
	"github.com/gatehouse-id/gatehouse/plugins/apikey"
	"github.com/gatehouse-id/gatehouse/plugins/google"
	"github.com/gatehouse-id/gatehouse/plugins/oidc"
	"github.com/gatehouse-id/gatehouse/plugins/saml"
	"github.com/gatehouse-id/gatehouse/plugins/scim"
	"github.com/gatehouse-id/gatehouse/sdk/plugin"
)

// bundled are the plugins that this binary serves, each in a process of its own.
var bundled = map[string]func() plugin.Plugin{
	"apikey": apikey.Plugin,
	"google": google.Plugin,
	"oidc":   oidc.Plugin,
	"saml":   saml.Plugin,
	"scim":   scim.Plugin,
}

// Exit statuses.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2 // the command line is wrong
	exitWrong   = 3 // gatehouse status: something is wrong with the host
	exitRefused = 4 // gatehouse apply, plan: it would do something else than was planned, or lock somebody out
)

func main() {
	// Every plugin begins as this binary, which confines itself and becomes it.
	if len(os.Args) > 1 && os.Args[1] == confine.Command {
		fmt.Fprintln(os.Stderr, "gatehouse:", confine.Exec(os.Args[2:]))
		os.Exit(exitFailed)
	}
	// A plugin's process has a scrubbed environment and standard output for the
	// protocol only: it is nothing else from its first line on.
	if len(os.Args) > 1 && os.Args[1] == host.PluginCommand {
		servePlugin(os.Args[2:])
	}
	ctx, stop := interruptible(context.Background(), os.Exit)
	status := run(ctx, os.Args[1:], standardTerminal())
	stop()
	os.Exit(status)
}

// servePlugin does not return.
func servePlugin(args []string) {
	if len(args) == 1 {
		if describe, ok := bundled[args[0]]; ok {
			plugin.Serve(describe())
		}
	}
	fmt.Fprintln(os.Stderr, "gatehouse: the host starts its plugins itself: this is no command for people")
	os.Exit(exitUsage)
}

// standardTerminal is where people read, with colours if it can show them and
// nobody has switched them off (https://no-color.org).
func standardTerminal() *terminal {
	t := &terminal{out: os.Stdout, err: os.Stderr, in: os.Stdin, env: os.LookupEnv, width: defaultWidth, piped: true}
	noColor, _ := t.env("NO_COLOR")
	if fd := int(os.Stdout.Fd()); term.IsTerminal(fd) {
		t.piped, t.asks = false, term.IsTerminal(int(os.Stdin.Fd()))
		t.color = noColor == "" && os.Getenv("TERM") != "dumb"
		if width, _, err := term.GetSize(fd); err == nil && width > 0 {
			t.width = width
		}
	}
	return t
}

func bundledNames() []string {
	var names []string
	for name := range bundled {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
