package config_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-id/gatehouse/core/config"
)

// canary is a secret that somebody has written into the files, wherever one
// can be: a literal, a heredoc, a default of env(), a map, a nested block, a
// mistyped attribute, a comment, a URL's password.
const canary = "q7Zk-Xv93-Tm4w-Rb8y"

const withSecrets = `server {
  public_url = "https://app.example.com"
  listen     = "127.0.0.1:8080"
}
store {
  url = "postgres://gatehouse:` + canary + `@db.example/gatehouse"
}
authenticator "acme" "one" {
  issuer        = "https://issuer.example"
  client_secret = "` + canary + `"
  tokens        = { one = env("ACME_SECRET"), two = "` + canary + `" }
  proxy {
    url      = "http://proxy.example"
    password = env("NO_SUCH", "` + canary + `")
  }
}
authenticator "acme" "two" {
  issuer        = "https://issuer.example" # before: ` + canary + `
  client_secret = <<EOT
` + canary + `
EOT
  clientsecret  = "` + canary + `"
}
connection "acme" {
  organization = "acme"
  provisioner "pusher" {
    issuer        = "https://issuer.example"
    client_secret = "` + canary + `"
    token         = "` + canary + `"
  }
}
organization "acme" {
  name = "Acme"
  token = ["` + canary + `"]
}
`

// leak gives the part of the canary that the output shows, if any.
func leak(t testing.TB, src string, dev bool) string {
	t.Helper()
	_, r := everything(
		config.Source{Files: []config.File{{Name: "x.hcl", Text: []byte(src)}}},
		config.Options{Env: environment, Dev: dev},
	)
	var out bytes.Buffer
	for _, width := range []int{0, 40} {
		if err := r.WriteText(&out, width, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	const shortest = 5
	for i := 0; i+shortest <= len(canary); i++ {
		if part := canary[i : i+shortest]; strings.Contains(out.String(), part) {
			return fmt.Sprintf("%q in:\n%s\n\nfile:\n%s", part, out.String(), src)
		}
	}
	return ""
}

var damages = []string{"", "\"", "{", "}", "\n", "=", " = ", "#", "/*", "*/", "\\", "${", "%{", "<<EOT\n", "EOT\n", "[", ")", ",", " x ", "\x00"}

func damaged(src string, at, cut int, insert string) string {
	return src[:at] + insert + src[min(len(src), at+cut):]
}

// Whatever single character is missing, added or wrong, no part of the secret is
// printed.
func TestNoSecretIsPrinted(t *testing.T) {
	t.Parallel()
	if !strings.Contains(leak(t, "server {\n  public_url = \"https://"+canary+"\"\n  listen = 1\n  admin_listen = \""+canary+"\"\n}\n", true), canary[:5]) {
		t.Fatal("the check does not see a text that is printed")
	}
	const step = 13 // every place would take a minute with the race detector
	for at := 0; at < len(withSecrets); at += step {
		for _, insert := range damages {
			for cut := range 2 {
				if l := leak(t, damaged(withSecrets, at, cut, insert), at%2 == 0); l != "" {
					t.Fatalf("inserting %q for %d characters at %d shows %s", insert, cut, at, l)
				}
			}
		}
	}
}

// The same for several small mistakes at once. (A longer cut could join the name
// of one attribute and the value of another, which is no mistake that a reader
// of the file could tell.)
func TestNoSecretIsPrintedWhenMuchIsWrong(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		src := withSecrets
		for range rapid.IntRange(1, 4).Draw(rt, "mistakes") {
			at := rapid.IntRange(0, len(src)-1).Draw(rt, "at")
			src = damaged(src, at, rapid.IntRange(0, 2).Draw(rt, "cut"), rapid.SampledFrom(damages).Draw(rt, "insert"))
			if src == "" {
				src = " "
			}
		}
		if l := leak(t, src, rapid.Bool().Draw(rt, "dev")); l != "" {
			rt.Fatal(l)
		}
	})
}
