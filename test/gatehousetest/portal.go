//go:build linux

package gatehousetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// Portal plays the identity provider of the plugin of examples/signon: it signs
// links with its key.
type Portal struct {
	Plugin string // block of the plugin, for a file of the configuration
	Block  string // authenticator block, for a connection
	URL    string // where browsers are sent
	tb     testing.TB
	key    ed25519.PrivateKey
}

// PortalURL is for a portal that no browser goes to.
const PortalURL = "https://portal.example.com/sign-on"

// NewPortal makes one with an address, and builds the plugin.
func NewPortal(tb testing.TB, address string) Portal {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	path := Build(tb, "../../examples/signon")
	binary, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return Portal{
		Plugin: fmt.Sprintf("plugin \"signed-link\" {\n  path          = %q\n  sha256        = \"%x\"\n  host_services = [\"once\"]\n}\n", path, sha256.Sum256(binary)),
		Block:  fmt.Sprintf("authenticator \"signed-link\" {\n  url        = %q\n  public_key = %q\n}\n", address, base64.StdEncoding.EncodeToString(public)),
		URL:    address, tb: tb, key: private,
	}
}

// Forged is a portal that signs with another key.
func (p Portal) Forged() Portal {
	p.tb.Helper()
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		p.tb.Fatal(err)
	}
	p.key = other
	return p
}

// Answer is where the portal sends a browser that came to it at an address, with
// claims about Ada; change changes them.
func (p Portal) Answer(asked string, change map[string]any) (back string) {
	p.tb.Helper()
	u, err := url.Parse(asked)
	if err != nil || !strings.HasPrefix(asked, p.URL+"?") {
		p.tb.Fatalf("the browser is sent to %q, not to the portal: %v", asked, err)
	}
	q := u.Query()
	said := map[string]any{
		"sub": "ada-1", "name": "Ada Lovelace", "email": "ada@acme.example", "groups": []string{"Data"}, "jti": rand.Text(),
		"aud": strings.TrimSuffix(q.Get("return_to"), "callback") + "metadata", "state": q.Get("state"), "exp": time.Now().Add(time.Minute).Unix(),
	}
	maps.Copy(said, change)
	payload, err := json.Marshal(said)
	if err != nil {
		p.tb.Fatal(err)
	}
	signed := base64.RawURLEncoding.EncodeToString(payload)
	token := signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(p.key, []byte(signed)))
	return q.Get("return_to") + "?" + url.Values{"state": {q.Get("state")}, "token": {token}}.Encode()
}
