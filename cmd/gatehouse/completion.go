package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

//go:embed completion.tmpl
var completionScripts string

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"One of ${enum}."`
}

func (completionCommand) Help() string {
	return `Load it where the shell starts:

    source <(gatehouse completion bash)
    source <(gatehouse completion zsh)
    gatehouse completion fish | source`
}

func (c *completionCommand) Run(k *kong.Kong, t *terminal) error {
	scripts, err := template.New("").Funcs(template.FuncMap{"quote": shellQuote, "join": strings.Join}).Parse(completionScripts)
	if err != nil {
		return err
	}
	return scripts.ExecuteTemplate(t.out, c.Shell, commandsOf(k.Model.Node, nil))
}

// completed is a command, and what may follow it.
type completed struct {
	Path     []string // such as keys, create; empty is the program itself
	Commands []choice
	Flags    []completedFlag
	Values   []string // what the argument may be, if that is a closed list
	Files    bool     // the argument is a path
}

// choice is a word with its meaning.
type choice struct{ Word, Help string }

// completedFlag is a flag with the values that it may have.
type completedFlag struct {
	choice
	Takes  bool // it needs a value
	Values []string
	Files  bool // the value is a path
}

// Name is the path as one word, each part after a space.
func (c completed) Name() string {
	var name strings.Builder
	for _, part := range c.Path {
		name.WriteString(" " + part)
	}
	return name.String()
}

// Choices are all words that may follow: commands, values and flags.
func (c completed) Choices() []choice {
	list := slices.Clone(c.Commands)
	for _, v := range c.Values {
		list = append(list, choice{Word: v})
	}
	for _, f := range c.Flags {
		list = append(list, f.choice)
	}
	return list
}

// Words are the choices without their meaning.
func (c completed) Words() string {
	var words []string
	for _, one := range c.Choices() {
		words = append(words, one.Word)
	}
	return strings.Join(words, " ")
}

// Long is the flag without its dashes.
func (f completedFlag) Long() string { return strings.TrimPrefix(f.Word, "--") }

// commandsOf lists a node and all below it that are not hidden.
func commandsOf(n *kong.Node, path []string) []completed {
	here := completed{Path: path}
	flags := n
	if n.DefaultCmd != nil { // which can go without its name
		flags = n.DefaultCmd
	}
	for _, group := range flags.AllFlags(true) {
		for _, f := range group {
			one := completedFlag{choice: choice{"--" + f.Name, f.Help}, Takes: !f.IsBool(), Files: isPath(f.Value)}
			if f.Enum != "" {
				one.Values = f.EnumSlice()
			}
			here.Flags = append(here.Flags, one)
		}
	}
	for _, p := range n.Positional {
		if p.Enum != "" {
			here.Values = p.EnumSlice()
		}
		here.Files = here.Files || p.Name == "path"
	}
	list := []completed{}
	for _, child := range n.Children {
		if child.Hidden {
			continue
		}
		here.Commands = append(here.Commands, choice{child.Name, child.Help})
		list = append(list, commandsOf(child, append(slices.Clone(path), child.Name))...)
	}
	return append([]completed{here}, list...)
}

func isPath(v *kong.Value) bool {
	holder := v.Tag.PlaceHolder
	return holder == "PATH" || holder == "DIR"
}

// shellQuote writes a word for a POSIX shell or fish. Help texts are the only
// words with more than letters, and none has a quotation mark within a word.
func shellQuote(s string) string {
	return fmt.Sprintf("'%s'", strings.NewReplacer("'", "’", "\\", "").Replace(s))
}
