// Package docs_test holds the documentation to the repository: links lead
// somewhere, and what a page names is there. Each check is tried on a planted
// mistake too, since one that finds nothing looks like good documentation.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const top = "../.."

// page is one Markdown file, by its path from the top of the repository.
type page struct{ path, text string }

// pages reads every Markdown file of the repository.
func pages(t *testing.T) []page {
	t.Helper()
	var list []page
	for _, path := range files(t, ".md") {
		list = append(list, page{path, read(t, path)})
	}
	if len(list) < 10 {
		t.Fatalf("only %d pages were found", len(list))
	}
	return list
}

// files lists the files of the repository with an ending, without what is
// installed or made there, and without testdata.
func files(t *testing.T, ending string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != top && (d.Name() == "testdata" || d.Name() == "bin" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".."):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, ending):
			relative, err := filepath.Rel(top, path)
			list = append(list, filepath.ToSlash(relative))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var fence = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```[ \t]*$")

// prose is a page without its blocks of code.
func (p page) prose() string { return fence.ReplaceAllString(p.text, "") }

var span = regexp.MustCompile("`([^`\n]+)`")

// code is what stands on a page as code: in blocks, line by line, and in spans.
func (p page) code() []string {
	var list []string
	for _, block := range fence.FindAllString(p.text, -1) {
		list = append(list, strings.Split(block, "\n")...)
	}
	return append(list, p.spans()...)
}

// spans are the words set as code within sentences and tables.
func (p page) spans() []string {
	var list []string
	for _, m := range span.FindAllStringSubmatch(p.prose(), -1) {
		list = append(list, m[1])
	}
	return list
}

// report fails the test with each finding once.
func report(t *testing.T, findings []string) {
	t.Helper()
	slices.Sort(findings)
	for _, f := range slices.Compact(findings) {
		t.Error(f)
	}
}
