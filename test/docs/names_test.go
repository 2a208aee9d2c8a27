package docs_test

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/simulate"
)

func TestNames(t *testing.T) {
	t.Parallel()
	report(t, unknownNames(pages(t), inventory(t)))
}

func TestNamesFindsUnknownOnes(t *testing.T) {
	t.Parallel()
	have := known{
		targets:  map[string]bool{"test": true},
		commands: []string{"serve", "keys create", "admin token list", "scim-log"},
		tests:    map[string]bool{"TestReal": true},
	}
	for name, tt := range map[string]struct {
		text    string
		unknown int
	}{
		"a target":               {"`make test`", 0},
		"no target":              {"`make coffee`", 1},
		"no target in a block":   {"```sh\nmake coffee\n```", 1},
		"make as a word":         {"We make coffee.", 0},
		"a command":              {"`gatehouse keys create my-tenant`", 0},
		"a group of commands":    {"`gatehouse admin token`", 0},
		"a command with a dash":  {"`gatehouse scim-log acme-okta`", 0},
		"half of a command":      {"`gatehouse scim`", 1},
		"no command":             {"`gatehouse keys forget my-tenant`", 1},
		"no command in a block":  {"```sh\nbin/gatehouse apply --config x\n```", 1},
		"a command of a user":    {"```sh\nsudo -u gatehouse gatehouse keys forget\n```", 1},
		"the user's name":        {"`install -o gatehouse root.key`", 0},
		"a flag of the program":  {"`gatehouse --help`", 0},
		"the project's name":     {"Gatehouse keeps secrets.", 0},
		"a name that is no call": {"`gatehouse.hcl` and `/var/lib/gatehouse keys`", 0},
		"a test":                 {"`TestReal`", 0},
		"no test":                {"`TestMadeUp` and `FuzzMadeUp`", 2},
		"a folder":               {"`core/store`", 0},
		"no folder":              {"`core/cellar`", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if found := unknownNames([]page{{"x.md", tt.text}}, have); len(found) != tt.unknown {
				t.Errorf("found %q", found)
			}
		})
	}
}

// known is what the documentation may name.
type known struct {
	targets  map[string]bool // of make
	commands []string        // of gatehouse, such as "keys create"
	tests    map[string]bool
}

var (
	target  = regexp.MustCompile(`(?m)^([a-z][a-z-]*):.*## `)
	command = regexp.MustCompile(`(?m)^  ([a-z-]+(?: [a-z-]+)*)  +[A-Z]`)
	test    = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
)

// inventory takes the commands from the help text that the tests of
// cmd/gatehouse compare with the program's.
func inventory(t *testing.T) known {
	t.Helper()
	k := known{targets: map[string]bool{}, tests: map[string]bool{}}
	for _, m := range target.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		k.targets[m[1]] = true
	}
	_, help, _ := strings.Cut(read(t, "cmd/gatehouse/testdata/script/help.txtar"), "-- help.txt --\n")
	help, _, _ = strings.Cut(help, "\n-- ")
	_, help, _ = strings.Cut(help, "Commands:\n")
	for _, m := range command.FindAllStringSubmatch(help, -1) {
		k.commands = append(k.commands, m[1])
	}
	for provider := range simulate.Providers() { // scim is left out there
		k.commands = append(k.commands, "simulate "+provider)
	}
	for _, file := range files(t, "_test.go") {
		for _, m := range test.FindAllStringSubmatch(read(t, file), -1) {
			k.tests[m[1]] = true
		}
	}
	if len(k.targets) < 5 || len(k.commands) < 10 || len(k.tests) < 100 {
		t.Fatalf("found only %d targets, %d commands, %d tests", len(k.targets), len(k.commands), len(k.tests))
	}
	return k
}

var (
	makes   = regexp.MustCompile(`^\s*(?:[A-Z_]+=\S+ +)*make +([a-z][a-z-]*)`)
	calls   = regexp.MustCompile(`(?:^|[\s(])(?:\./|bin/)?gatehouse((?: +[a-z][a-z-]*)+)`)
	anOwner = regexp.MustCompile(`-[a-z] +gatehouse\b`) // the user, such as in sudo -u gatehouse
	aTest   = regexp.MustCompile(`^(?:Test|Fuzz)[A-Z]\w*$`)
	aFolder = regexp.MustCompile(`^(?:cmd|configs|core|docs|examples|plugins|sdk|test)(?:/[\w.-]+)+/?$`)
)

func unknownNames(all []page, have known) []string {
	var found []string
	for _, p := range all {
		for _, line := range p.code() {
			if m := makes.FindStringSubmatch(line); m != nil && !have.targets[m[1]] {
				found = append(found, fmt.Sprintf("%s: there is no target %q", p.path, m[1]))
			}
			for _, m := range calls.FindAllStringSubmatch(anOwner.ReplaceAllString(line, ""), -1) {
				if words := strings.Fields(m[1]); !have.command(words) {
					found = append(found, fmt.Sprintf("%s: there is no command %q", p.path, "gatehouse "+strings.Join(words, " ")))
				}
			}
		}
		for _, word := range p.spans() {
			switch {
			case aTest.MatchString(word) && !have.tests[word]:
				found = append(found, fmt.Sprintf("%s: there is no test %s", p.path, word))
			case aFolder.MatchString(word) && !exists(word) && !exists(path.Join(path.Dir(p.path), word)):
				found = append(found, fmt.Sprintf("%s: there is no %s", p.path, word))
			}
		}
	}
	return found
}

// command reports whether the words begin with a command, or are a group of
// commands.
func (k known) command(words []string) bool {
	said := strings.Join(words, " ") + " "
	return slices.ContainsFunc(k.commands, func(c string) bool {
		return strings.HasPrefix(said, c+" ") || strings.HasPrefix(c+" ", said)
	})
}
