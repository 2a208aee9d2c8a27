// Command withserver runs a command with a PostgreSQL server of its own, so
// that the tests of many packages share one:
//
//	go run ./core/store/storetest/withserver go test ./...
//
// A server that GATEHOUSE_TEST_POSTGRES names already is used as it is. On a
// machine without PostgreSQL the command runs without a server, and the tests
// say what they skip.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"github.com/gatehouse-id/gatehouse/core/store/storetest"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: withserver command [argument ...]")
		os.Exit(2)
	}
	err := run(os.Args[1:])
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(max(exit.ExitCode(), 1))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "withserver:", err)
		os.Exit(1)
	}
}

func run(command []string) (err error) {
	// An interrupt reaches the command as well; the server is stopped after it.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	defer signal.Stop(signals)

	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = os.Environ()
	if os.Getenv(storetest.ServerVariable) == "" {
		url, stop, serr := storetest.Start()
		switch {
		case serr == nil:
			defer func() { err = errors.Join(err, stop()) }()
			cmd.Env = append(cmd.Env, storetest.ServerVariable+"="+url)
		case !errors.Is(serr, storetest.ErrNoServer):
			return serr
		}
	}
	return cmd.Run()
}
