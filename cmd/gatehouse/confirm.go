package main

import (
	"bufio"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// confirm asks before something that cannot be taken back. Where nobody can
// answer, nothing is done.
func (t *terminal) confirm(what, hint string) error {
	if !t.asks {
		return problem.New(problem.Invalid, "%s Nothing was done, because there is no terminal to ask on", what).
			WithHint("%s; with --yes nobody is asked", hint)
	}
	if err := t.printf("%s\nIt cannot be taken back (%s). Go on? [y/N] ", what, hint); err != nil {
		return err
	}
	if t.yes() {
		return nil
	}
	return problem.New(problem.Invalid, "nothing was done")
}

// yes reads an answer. None is no.
func (t *terminal) yes() bool {
	answer, _ := bufio.NewReader(t.in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	}
	return false
}
