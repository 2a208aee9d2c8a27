package standalone_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/idp"
	"github.com/gatehouse-id/gatehouse/test/idp/standalone"
)

// options are good ones.
func options(t *testing.T) standalone.Options {
	t.Helper()
	return standalone.Options{
		Listen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "idp"), Host: "https://app.example.com", Connection: "acme-dev", People: idp.People(),
	}
}

// Who is believed by everybody on a network would be the way in for all of them.
func TestOptions(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*standalone.Options)
		want   string // of the refusal; "" is none
	}{
		"good":               {func(*standalone.Options) {}, ""},
		"IPv6":               {func(o *standalone.Options) { o.Listen = "[::1]:9400" }, ""},
		"another of ours":    {func(o *standalone.Options) { o.Listen = "127.0.0.2:9400" }, ""},
		"everywhere":         {func(o *standalone.Options) { o.Listen = "0.0.0.0:9400" }, "believes everybody"},
		"everywhere of IPv6": {func(o *standalone.Options) { o.Listen = "[::]:9400" }, "believes everybody"},
		"no address":         {func(o *standalone.Options) { o.Listen = ":9400" }, "no address"},
		"a network":          {func(o *standalone.Options) { o.Listen = "10.0.0.1:9400" }, "believes everybody"},
		"a mapped network":   {func(o *standalone.Options) { o.Listen = "[::ffff:10.0.0.1]:9400" }, "believes everybody"},
		"a zone":             {func(o *standalone.Options) { o.Listen = "[::1%lo]:9400" }, "believes everybody"},
		"a name":             {func(o *standalone.Options) { o.Listen = "localhost:9400" }, "no address"},
		"no port":            {func(o *standalone.Options) { o.Listen = "127.0.0.1" }, "no address"},
		"no host":            {func(o *standalone.Options) { o.Host = "app.example.com" }, "no address of a host"},
		"long routes":        {func(o *standalone.Options) { o.Host = "https://app.example.com/.gatehouse" }, ""},
		"a host's page":      {func(o *standalone.Options) { o.Host = "https://app.example.com/login" }, "no address of a host"},
		"a host with a user": {func(o *standalone.Options) { o.Host = "https://a@app.example.com" }, "no address of a host"},
		"a label with HCL":   {func(o *standalone.Options) { o.Connection = `a" {}` }, "no label of a connection"},
		"an organization":    {func(o *standalone.Options) { o.Organization = "Acme" }, "no label of an organization"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			tt.change(&o)
			err := o.Check()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if _, failed := os.Stat(o.Data); failed == nil {
				t.Error("something is made before")
			}
			if tt.want != "" {
				if _, err := standalone.Open(t.Context(), o); err == nil {
					t.Error("it opens all the same")
				}
			}
		})
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tell opens a provider, ends it, and returns what it has said with the certificate.
func tell(t *testing.T, o standalone.Options) (standalone.Told, string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p, err := standalone.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	told, err := p.Tell()
	if err != nil {
		t.Fatal(err)
	}
	certificate := ""
	if told.CAFile != "" {
		certificate = read(t, o.Data, "tls.crt")
	}
	stop()
	if err := p.Serve(ctx); err != nil {
		t.Errorf("it ends with %v", err)
	}
	return told, certificate
}

// What a host trusts is the same at the next start, no other's, and readable by nobody
// else.
func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	secret := func(told standalone.Told) string { return told.Environment[standalone.SecretVariable] }
	o := options(t)
	first, certificate := tell(t, o)
	again, same := tell(t, o)
	if secret(first) != secret(again) || certificate != same {
		t.Error("at the next start it is another")
	}
	second := options(t)
	other, another := tell(t, second)
	if ours, theirs := read(t, o.Data, "signing.crt"), read(t, second.Data, "signing.crt"); ours == theirs {
		t.Error("two sign with the same key")
	}
	if secret(first) == secret(other) || certificate == another || secret(first) == idp.ClientSecret {
		t.Error("two have the same")
	}
	for _, name := range []string{"tls.key", "signing.key", "client-secret"} {
		if info, err := os.Stat(filepath.Join(o.Data, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if err := os.WriteFile(filepath.Join(o.Data, "signing.key"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := standalone.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "remove the folder") {
		t.Errorf("with a damaged key: %v", err)
	}
	o.Plain, o.Data, o.Organization = true, filepath.Join(t.TempDir(), `it's "${HOME}"`), "acme"
	if plain, _ := tell(t, o); plain.CAFile != "" || strings.Contains(plain.Fetch, "ca_file") || strings.Contains(plain.Configuration, "organization \"") || !strings.HasPrefix(plain.URL, "http://") {
		t.Errorf("by http: %+v", plain)
	}
	o.Plain = false
	if told, _ := tell(t, o); !strings.Contains(told.Fetch, `it's \"$${HOME}\"`) {
		t.Errorf("a folder's name in HCL: %s", told.Fetch)
	}
}
