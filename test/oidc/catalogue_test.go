package oidc_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the catalogue of attacks anew")

// catalogue is what the tests of a run have tried and seen refused: by the test, a row
// for each.
type catalogue struct {
	mu   sync.Mutex
	rows map[string][]string
}

var tried = catalogue{rows: map[string][]string{}} //nolint:gochecknoglobals // of a test run

func (c *catalogue) note(t testing.TB, what, refusal string) {
	test, _, _ := strings.Cut(t.Name(), "/")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows[test] = append(c.rows[test], fmt.Sprintf("| %s | %s |", what, refusal))
}

// expect says that something tried is refused for a reason, or counts where that is
// "". What is refused stands in the catalogue.
func expect(t testing.TB, what, want string, err error) {
	t.Helper()
	switch got := reason(err); {
	case got != want:
		t.Errorf("%s: %v, want %q", what, err, want)
	case want != "" && want != failure:
		tried.note(t, what, "`"+want+"`")
	}
}

// sections are those of the page, each of a test.
var sections = []struct{ test, title, text string }{
	{"TestFaults", "A provider that misbehaves", "The provider does one thing wrong, and signs people on again as soon as it does not. `gatehouse simulate idp` has the same faults by the same names, for any host. \"An error\" is that it cannot be found out, since a document of the provider is not there or none: nobody is signed on either."},
	{"TestTampering", "What is changed on the way", "A browser, or somebody between, changes the answer or what the host keeps of the sign-on."},
	{"TestInjection", "A code of somebody else", "It stands in the answer to a sign-on that was begun elsewhere."},
	{"TestAge", "A sign-on that has to be recent", "The host asks that the person signs on again, or that it was at most an hour ago."},
	{"TestTenants", "An issuer for many tenants", "Entra ID's issuer of all organizations, where one tenant is named. What is wrong is the token's issuer or tenant."},
	{"TestHostedDomain", "An issuer for everybody", "Google, where one domain is named. What is wrong is the token's domain or issuer."},
	{"TestUserInfo", "The userinfo endpoint", "It is asked in addition, and answers about somebody else, or not."},
	{"TestRefresh", "A session that is renewed", "The provider answers the refresh token. What is refused ends the session."},
	{"TestFrontChannelLogout", "Front-Channel Logout", "A page of the provider opens the address."},
	{"TestBackChannelLogout", "Back-Channel Logout", "A logout token is posted."},
	{"TestUniversalLogout", "Universal Logout", "A request to end all sessions of a person is posted, with a token that authorizes it."},
}

const catalogueHead = `# Attacks on OpenID Connect that are tried

Each row is what the tests try, and for which reason it is refused. Beside the rows of each table there are
honest ones that count, so that it is the attack that is refused. The page is written by the tests
(` + "`go test ./test/oidc -update`" + `) and held against them, so that it lists what is really tried.
[What signing on is held against](sign-on-conformance.md) says what else is; [the guide](../guides/openid-connect.md#when-somebody-is-not-let-in)
says what each reason means.
`

// TestMain writes the catalogue, or holds it against what was tried, when all of it
// was.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == ""
	if code == 0 && whole && len(tried.rows) > 0 {
		if err := tried.page(filepath.Join("..", "..", "docs", "reference", "oidc-attacks.md")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func (c *catalogue) page(path string) error {
	var b strings.Builder
	b.WriteString(catalogueHead)
	left := maps.Clone(c.rows)
	for _, s := range sections {
		rows := slices.Compact(slices.Sorted(slices.Values(left[s.test])))
		delete(left, s.test)
		fmt.Fprintf(&b, "\n## %s\n\n%s `%s`\n\n| Tried | Refused as |\n| --- | --- |\n%s\n", s.title, s.text, s.test, strings.Join(rows, "\n"))
	}
	if len(left) > 0 {
		return fmt.Errorf("the catalogue has no section for what these have tried: %q", slices.Sorted(maps.Keys(left)))
	}
	if *update {
		return os.WriteFile(path, []byte(b.String()), 0o644)
	}
	have, err := os.ReadFile(path)
	if diff := cmp.Diff(string(have), b.String()); err == nil && diff != "" {
		err = fmt.Errorf("docs/reference/oidc-attacks.md is not what is tried (-page +tried), see its first lines:\n%s", diff)
	}
	return err
}
