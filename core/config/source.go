package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Limits of a configuration. A directory of ten thousand connections is far
// below them.
const (
	FileLimit  = 1 << 20  // bytes of one file
	TotalLimit = 64 << 20 // bytes of all files
)

// File is one configuration file.
type File struct {
	Name string // relative to the directory that was read, such as "okta.hcl"
	Text []byte // at most FileLimit bytes
}

// Source is the text of a configuration, as its operator wrote it: env() and
// file() stand in it as calls, never as values, so it may be stored and shown
// to whoever may read the configuration.
type Source struct {
	Files []File // sorted by name, each name once
}

// ReadDir reads the *.hcl files of a directory, or one file. Names that begin
// with a dot and other endings are left out; folders below are not entered. A
// link is followed within the directory only (a mounted Kubernetes volume is
// made of such links), and what is then no regular file is an error. Where there
// is nothing to read, it is a Problem (NotFound) that says how to begin.
func ReadDir(path string) (Source, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Source{}, nothingAt("%s does not exist", path)
	}
	if err != nil {
		return Source{}, fmt.Errorf("reading the configuration: %w", err)
	}
	if !info.IsDir() {
		return readFiles(filepath.Dir(path), []string{filepath.Base(path)})
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return Source{}, fmt.Errorf("reading the configuration: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".hcl") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return Source{}, nothingAt("the folder %s has no *.hcl file", path)
	}
	return readFiles(path, names)
}

// nothingAt is for whoever has no configuration yet, or means another folder.
func nothingAt(format string, args ...any) error {
	return problem.New(problem.NotFound, "there is no configuration: "+format, args...).WithHint("%s\n%s",
		"it is a folder of *.hcl files, or one file: name it on the command line, or in GATEHOUSE_CONFIG",
		"to begin: gatehouse dev runs without one, and docs/guides/getting-started.md has a gatehouse.hcl to copy")
}

func readFiles(dir string, names []string) (Source, error) {
	var src Source
	for _, name := range names {
		text, err := ReadUnder(dir, name)
		if err != nil {
			return Source{}, fmt.Errorf("reading the configuration: %w", err)
		}
		src.Files = append(src.Files, File{Name: name, Text: text})
	}
	slices.SortFunc(src.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	if err := src.check(); err != nil {
		return Source{}, fmt.Errorf("reading the configuration: %w", err)
	}
	return src, nil
}

// ReadUnder reads the regular file name, at most FileLimit bytes, without
// leaving the directory root: links are followed, and one that leads out of
// root is an error. It never waits, as opening a named pipe would.
func ReadUnder(root, name string) ([]byte, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // it was only read
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	text, err := io.ReadAll(io.LimitReader(f, FileLimit+1))
	if err != nil {
		return nil, err
	}
	if len(text) > FileLimit {
		return nil, fmt.Errorf("%s has more than %d bytes", name, FileLimit)
	}
	return text, nil
}

// check says what a source cannot be, wherever it came from.
func (s Source) check() error {
	total := 0
	for i, f := range s.Files {
		total += len(f.Text)
		switch {
		case f.Name == "" || f.Name != filepath.Base(f.Name) || !utf8.ValidString(f.Name):
			return fmt.Errorf("%q is no name of a file", f.Name)
		case i > 0 && f.Name <= s.Files[i-1].Name:
			return fmt.Errorf("%q stands twice or out of order", f.Name)
		case len(f.Text) > FileLimit:
			return fmt.Errorf("%s has more than %d bytes", f.Name, FileLimit)
		case total > TotalLimit:
			return fmt.Errorf("the files have more than %d bytes together", TotalLimit)
		case !utf8.Valid(f.Text):
			return fmt.Errorf("%s is no text in UTF-8", f.Name)
		}
	}
	return nil
}

// Digest is the SHA-256 of all names and texts, in hexadecimal digits: two
// sources with one digest are the same configuration.
func (s Source) Digest() string {
	h := sha256.New()
	for _, f := range s.Files {
		for _, part := range [][]byte{[]byte(f.Name), f.Text} {
			// The length goes first, so that no two lists of files run together alike.
			_ = binary.Write(h, binary.BigEndian, uint64(len(part)))
			_, _ = h.Write(part)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// stored is the form of a revision in the store.
type stored struct {
	Files []storedFile `json:"files"`
}

type storedFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// MarshalJSON writes the source as it is kept in the store:
// {"files": [{"name": "okta.hcl", "text": "..."}]}.
func (s Source) MarshalJSON() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("storing a configuration: %w", err)
	}
	out := stored{Files: make([]storedFile, len(s.Files))}
	for i, f := range s.Files {
		out.Files[i] = storedFile{f.Name, string(f.Text)}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote, within the same limits.
func (s *Source) UnmarshalJSON(data []byte) error {
	var in stored
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return fmt.Errorf("reading a stored configuration: %w", err)
	}
	var read Source
	for _, f := range in.Files {
		read.Files = append(read.Files, File{f.Name, []byte(f.Text)})
	}
	if err := read.check(); err != nil {
		return fmt.Errorf("reading a stored configuration: %w", err)
	}
	*s = read
	return nil
}
