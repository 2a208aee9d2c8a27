package docs_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	report(t, brokenLinks(pages(t)))
}

func TestLinksFindsBrokenOnes(t *testing.T) {
	t.Parallel()
	const here = "docs/x.md"
	for name, tt := range map[string]struct {
		text   string
		broken int
	}{
		"a file":               {"[a](../README.md)", 0},
		"no file":              {"[a](nothing.md)", 1},
		"outside":              {"[a](../../etc/passwd)", 1},
		"an anchor":            {"[a](#two-words)\n\n## Two `words`\n", 0},
		"an anchor of another": {"[a](../README.md#try-it)", 0},
		"no anchor":            {"[a](../README.md#no-such-heading)", 1},
		"a heading twice":      {"[a](#same-1)\n\n# Same\n# Same\n", 0},
		"a heading in code":    {"[a](#shell)\n\n```sh\n# Shell\n```\n", 1},
		"another site":         {"[a](https://example.com/nothing)", 0},
		"a link in code":       {"```\n[a](nothing.md)\n```\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := []page{{here, tt.text}, {"README.md", "# Gatehouse\n\n## Try it\n"}}
			if found := brokenLinks(all); len(found) != tt.broken {
				t.Errorf("found %q", found)
			}
		})
	}
}

var link = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)

// brokenLinks lists relative links whose file or heading does not exist.
func brokenLinks(all []page) []string {
	headings := map[string]map[string]bool{}
	for _, p := range all {
		headings[p.path] = anchors(p)
	}
	var found []string
	for _, p := range all {
		for _, m := range link.FindAllStringSubmatch(p.prose(), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := p.path
			if file != "" {
				target = path.Join(path.Dir(p.path), file)
			}
			_, known := headings[target]
			if !filepath.IsLocal(target) || !known && !exists(target) {
				found = append(found, fmt.Sprintf("%s: the link %s leads nowhere", p.path, m[1]))
			} else if anchor != "" && !headings[target][anchor] {
				found = append(found, fmt.Sprintf("%s: %s has no heading #%s", p.path, target, anchor))
			}
		}
	}
	return found
}

func exists(name string) bool {
	_, err := os.Stat(filepath.Join(top, name))
	return err == nil
}

var (
	heading   = regexp.MustCompile(`(?m)^#{1,6} +(.+?)[ \t]*$`)
	unanchor  = regexp.MustCompile(`[^\pL\pN _-]`)
	linkInRow = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// anchors are the names of the page's headings, as forges make them: lower
// case, without punctuation, dashes for spaces, and a number where one is
// repeated.
func anchors(p page) map[string]bool {
	set := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(p.prose(), -1) {
		text := linkInRow.ReplaceAllString(m[1], "$1")
		name := strings.ReplaceAll(unanchor.ReplaceAllString(strings.ToLower(text), ""), " ", "-")
		base := name
		for n := 1; set[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		set[name] = true
	}
	return set
}
