package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// concealed marks what came from env() or file(): it is not repeated in words.
type concealed struct{}

// hclValue is a value without marks, and whether there were any.
type hclValue struct {
	cty.Value
	concealed bool
}

// unresolved is what env() and file() say when there is no value.
type unresolved struct{ summary, detail string }

func (u *unresolved) Error() string { return u.summary + ": " + u.detail }

func asUnresolved(err error) *unresolved {
	var u *unresolved
	if errors.As(err, &u) {
		return u
	}
	return nil
}

// functions is the whole language of values: env() and file(), with what they
// may reach.
type functions struct {
	options Options
	roots   []string     // absolute, or relative to the process's folder
	read    atomic.Int64 // bytes that file() has given; plugins' blocks are decoded side by side
}

func (f *functions) context() *hcl.EvalContext {
	text := func(call func(args []cty.Value) (string, bool, error)) function.Function {
		return function.New(&function.Spec{
			Params:   []function.Parameter{{Name: "name", Type: cty.String}},
			VarParam: &function.Parameter{Name: "default", Type: cty.String},
			Type:     function.StaticReturnType(cty.String),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				s, known, err := call(args)
				switch {
				case err != nil:
					return cty.NilVal, err
				case !known:
					return cty.UnknownVal(cty.String).Mark(concealed{}), nil
				}
				return cty.StringVal(s).Mark(concealed{}), nil
			},
		})
	}
	return &hcl.EvalContext{Functions: map[string]function.Function{"env": text(f.env), "file": text(f.file)}}
}

func (f *functions) env(args []cty.Value) (value string, known bool, err error) {
	name := args[0].AsString()
	switch {
	case f.options.Env == nil:
		return "", false, &unresolved{"No environment here", "env() works in the host's own files only. Documents kept in the store hold references to encrypted secrets."}
	case !variableName.MatchString(name):
		return "", false, &unresolved{"Not a variable's name", "The first argument of env() is the name of an environment variable: letters, digits and underscores."}
	}
	value, set := f.options.Env(name)
	switch {
	case set && !utf8.ValidString(value):
		return "", false, &unresolved{"Variable is no text", "The environment variable " + name + " is no text in UTF-8."}
	case set:
		return value, true, nil
	case len(args) > 1:
		return args[1].AsString(), true, nil
	case f.options.AllowUnset:
		return "", false, nil
	}
	return "", false, &unresolved{"Variable not set", "The environment variable " + name + " is not set. Set it for the process that reads this configuration, or give a default: env(\"" + name + "\", \"...\")."}
}

func (f *functions) file(args []cty.Value) (text string, known bool, err error) {
	name := args[0].AsString()
	switch {
	case f.options.ReadFile == nil:
		return "", false, &unresolved{"No files here", "file() works in the host's own files only. Documents kept in the store hold references to encrypted secrets."}
	case len(f.roots) == 0:
		return "", false, &unresolved{"No folder for file()", "file() reads only below the folders that file_roots in the server block names, and there are none."}
	}
	path := f.options.resolve(name)
	for _, root := range f.roots {
		below, err := filepath.Rel(root, path)
		if err != nil || !filepath.IsLocal(below) {
			continue
		}
		data, err := f.options.ReadFile(root, below)
		if err != nil && errors.Is(err, fs.ErrNotExist) && f.options.AllowUnset {
			return "", false, nil
		}
		if err != nil {
			return "", false, &unresolved{"File cannot be read", "It " + reason(err) + "."}
		}
		if f.read.Add(int64(len(data))) > TotalLimit {
			return "", false, &unresolved{"Too much read", "The files that file() reads are too large together."}
		}
		if !utf8.Valid(data) {
			return "", false, &unresolved{"File is no text", "file() reads text in UTF-8."}
		}
		// Editors end a file with a line end, which belongs to no secret.
		return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), true, nil
	}
	return "", false, &unresolved{"File out of reach", "file() reads only below the folders that file_roots in the server block names."}
}

// reason says why a file cannot be read, without its path: a secret written by
// mistake where the path belongs is not repeated.
func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read by this process"
	}
	return "is no regular file within the folder, or is too large"
}
