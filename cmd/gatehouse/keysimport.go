package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// The limits of an import: of a file, and of what the host takes at once.
const (
	importLines = 100_000
	importLine  = 16 << 10 // bytes
	importPage  = 1000
	importBytes = 900 << 10 // of a page
)

type keysImportCommand struct {
	File          string `arg:"" help:"A JSON object a line; - reads standard input."`
	Authenticator string `placeholder:"NAME" help:"Which authenticator verifies the keys, where there are several."`
	DryRun        bool   `help:"Check the whole file, and write nothing."`
	output
	connection
}

func (keysImportCommand) Help() string {
	return `Each line is one key with its client, which is made if it is not there:

    {"client": "my-tenant", "organization": "acme", "roles": ["analyst"], "hash": "$2b$12$..."}
    {"client": "other", "organization": "acme", "hash": "sha256$9f86d0...", "expires_at": "2027-06-30T00:00:00Z"}

Further members are name, scopes, networks and rate, of a new client. The authenticator apikey takes sha256, hmac-sha256, bcrypt and argon2id, and needs a block imported {}.

The whole file is checked first, and nothing is written if a line is wrong. A key that was imported before is left alone, so that a file can be imported again.

    gatehouse keys import --dry-run old-keys.jsonl
    gatehouse keys import old-keys.jsonl
    export-keys | gatehouse keys import - --json`
}

// importedLine is a key with the line that it stands in.
type importedLine struct {
	number int
	key    admin.ForeignKey
	size   int
}

func (c *keysImportCommand) Run(ctx context.Context, t *terminal) error {
	lines, err := c.read(t)
	if err != nil {
		return err
	}
	h, err := c.dial(ctx, t)
	if err != nil {
		return err
	}
	checked, err := c.send(ctx, t, h, lines, true)
	if err != nil {
		return err
	}
	if c.DryRun {
		return c.print(t, checked)
	}
	imported, err := c.send(ctx, t, h, lines, false)
	if err != nil {
		return err
	}
	return c.print(t, imported)
}

// read reads all lines, and says of all that are wrong what is.
func (c *keysImportCommand) read(t *terminal) ([]importedLine, error) {
	from := t.in
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // it was only read
		from = f
	}
	var lines []importedLine
	var wrong []string
	scan := bufio.NewScanner(from)
	scan.Buffer(nil, importLine)
	number := 0
	for scan.Scan() {
		number++
		text := bytes.TrimSpace(scan.Bytes())
		if len(text) == 0 {
			continue
		}
		one := importedLine{number: number, size: len(text)}
		if err := decodeLine(text, &one.key); err != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: %v", number, err))
		}
		if lines = append(lines, one); len(lines) > importLines {
			return nil, usagef("%s has more than %d keys: split it", c.File, importLines)
		}
	}
	switch err := scan.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("line %d of %s is over %d bytes", number+1, c.File, importLine)
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", c.File, err)
	case len(wrong) > 0:
		return nil, notImported(wrong)
	case len(lines) == 0:
		return nil, fmt.Errorf("%s has no keys in it", c.File)
	}
	return lines, nil
}

// decodeLine reads a line. What is wrong with it is said without its words: it
// may hold a secret where a hash was meant.
func decodeLine(text []byte, into *admin.ForeignKey) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("the member %q cannot be a %s", kind.Field, kind.Value)
	case err != nil && strings.Contains(err.Error(), "unknown field"):
		return errors.New("it has a member that a key does not have")
	case err != nil:
		return errors.New("it is no JSON object of a key")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the object")
	}
	return nil
}

// send has the host take the lines, or only check them, page by page. All pages
// are checked, so that every mistake is told of at once.
func (c *keysImportCommand) send(ctx context.Context, t *terminal, h *admin.Host, lines []importedLine, try bool) (done admin.ImportedKeys, err error) {
	var wrong []string
	for rest := lines; len(rest) > 0; {
		var page []importedLine
		page, rest = nextPage(rest)
		asked := admin.KeyImport{Authenticator: c.Authenticator, DryRun: try}
		for _, one := range page {
			asked.Keys = append(asked.Keys, one.key)
		}
		imported, err := h.ImportKeys(ctx, asked)
		var refused *admin.Error
		switch {
		case errors.As(err, &refused) && len(refused.Mistakes) > 0:
			for _, m := range refused.Mistakes {
				if m.Index >= 0 && m.Index < len(page) {
					wrong = append(wrong, fmt.Sprintf("line %d: %s", page[m.Index].number, m.Problem))
				}
			}
		case err != nil:
			return done, err
		}
		if len(wrong) > 0 && !try {
			return done, errors.Join(notImported(wrong), fmt.Errorf("the %d keys before them are imported", len(done.Keys)))
		}
		done.Keys = append(done.Keys, imported.Keys...)
		t.progress(try, len(lines)-len(rest), len(lines))
	}
	if len(wrong) > 0 {
		return done, notImported(wrong)
	}
	return done, nil
}

// nextPage cuts off what the host takes at once.
func nextPage(lines []importedLine) (page, rest []importedLine) {
	size := 0
	for i, one := range lines {
		if size += one.size; i == importPage || (i > 0 && size > importBytes) {
			return lines[:i], lines[i:]
		}
	}
	return lines, nil
}

func notImported(wrong []string) error {
	return fmt.Errorf("nothing was imported:\n  %s", strings.Join(wrong, "\n  "))
}

// progress shows people how far a long import is.
func (t *terminal) progress(try bool, done, of int) {
	if !t.color || of <= importPage {
		return
	}
	what := "imported"
	if try {
		what = "checked"
	}
	end := "\r"
	if done == of {
		end = "\n"
	}
	_, _ = fmt.Fprintf(t.err, "%d of %d keys %s%s", done, of, what, end)
}

func (c *keysImportCommand) print(t *terminal, done admin.ImportedKeys) error {
	if c.JSON {
		return t.printJSON(done)
	}
	var rows [][]string
	known := 0
	for _, k := range done.Keys {
		state := "new key"
		switch {
		case k.Known:
			state = "was there"
			known++
		case k.NewClient:
			state = "new client and key"
		}
		rows = append(rows, []string{k.Client, k.ID, k.Scheme, state})
	}
	if err := t.table([]column{{title: "CLIENT"}, {title: "KEY"}, {title: "SCHEME"}, {title: "STATE"}}, rows); err != nil {
		return err
	}
	if c.DryRun {
		return t.printf("\n%d keys can be imported, %d are there already. Nothing was written.\n", len(done.Keys)-known, known)
	}
	return t.printf("\n%d keys were imported, %d were there already.\n", len(done.Keys)-known, known)
}
