package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	"github.com/gatehouse-id/gatehouse/test/idp"
)

type simulateIDPCommand struct {
	Listen     string `default:"127.0.0.1:9400" placeholder:"ADDRESS" help:"Where it listens: on this machine alone."`
	Host       string `default:"http://localhost:8080" placeholder:"URL" help:"The public_url of the Gatehouse whose people it signs on, with /.gatehouse behind it where short_routes is false."`
	Connection string `default:"played" placeholder:"LABEL" help:"How the labels of the two connections begin: LABEL-oidc, LABEL-saml."`
	CAFile     string `name:"ca-file" default:"simulated-idp.crt" placeholder:"FILE" help:"Where it writes the certificate of its https, for a host to trust. It is another one at each start, for this machine's names only."`
	Plain      bool   `help:"Speak http, for a host that runs in development mode: gatehouse dev."`
	People     string `placeholder:"FILE" help:"Its people, in place of the four of the demonstration."`
	Fault      string `placeholder:"PROTOCOL:NAME" help:"What it does wrong, such as oidc:wrong-audience; its page changes that while it runs."`
	ListFaults bool   `help:"List what it can do wrong, and end."`
	output
}

func (simulateIDPCommand) Help() string {
	return `Plays an identity provider that signs people on, by OpenID Connect and by SAML 2.0, with a click and without a password. It prints the connections that a host needs for it, and serves until it is interrupted. Its page says who there is, and has it misbehave.

It believes everybody, and its keys are in its source: it listens on this machine only, and nothing but a host for trying things out may trust it.

    gatehouse simulate idp --host http://localhost:8080
    gatehouse simulate idp --people people.json --fault 'saml:another audience'
    gatehouse simulate idp --list-faults

A file of people is a JSON list:

    [{"userName": "jane@acme.example", "givenName": "Jane", "familyName": "Doe", "groups": ["Data"]}]`
}

var labelForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,50}$`)

// Run serves until ctx ends.
func (c *simulateIDPCommand) Run(ctx context.Context, t *terminal) error {
	at, err := loopbackOnly(c.Listen)
	if err != nil {
		return err
	}
	if !labelForm.MatchString(c.Connection) {
		return usagef("--connection is a label such as acme: small letters, digits and dashes")
	}
	host, err := url.Parse(strings.TrimSuffix(c.Host, "/"))
	if err != nil || host.Host == "" || host.Scheme != "http" && host.Scheme != "https" || host.RawQuery != "" || host.User != nil {
		return usagef("--host is an address such as https://app.example.com")
	}
	people := idp.People()
	if c.People != "" {
		text, err := os.ReadFile(c.People)
		if err == nil {
			people, err = idp.ReadPeople(text)
		}
		if err != nil {
			return problem.New(problem.Invalid, "the people in %s cannot be read: %v", c.People, err).
				WithHint("gatehouse simulate idp --help shows what the file looks like")
		}
	}
	base := host.String() + "/sso/" + c.Connection
	played, err := idp.New(idp.Options{URL: c.url(at), People: people, OIDC: base + "-oidc", SAML: base + "-saml"})
	if err != nil {
		return err
	}
	if c.ListFaults {
		return c.list(t, played)
	}
	if err := c.misbehave(played); err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	if err != nil {
		return problem.New(problem.Unavailable, "nobody can listen at %s: %v", at, err).WithHint("another --listen, such as 127.0.0.1:9401, may be free")
	}
	defer func() { _ = l.Close() }()
	if !c.Plain {
		config, err := passingCertificate(c.CAFile, time.Now())
		if err != nil {
			return problem.New(problem.Unavailable, "the certificate cannot be written to %s: %v", c.CAFile, err).WithHint("--ca-file says where it may be")
		}
		l = tls.NewListener(l, config)
	}
	if err := c.introduce(t, played, people); err != nil {
		return err
	}
	return serveUntil(ctx, l, played)
}

// url is where it is.
func (c *simulateIDPCommand) url(at string) string {
	if c.Plain {
		return "http://" + at
	}
	return "https://" + at
}

// reach is what a host's server block needs to ask it anything: it is on loopback, and
// its certificate is nobody's.
func (c *simulateIDPCommand) reach() (string, error) {
	trust := ""
	if !c.Plain {
		file, err := filepath.Abs(c.CAFile)
		if err != nil {
			return "", err
		}
		trust = fmt.Sprintf("\n    ca_file = %q", file)
	}
	return "  fetch {\n    allow   = [\"127.0.0.0/8\", \"::1/128\"]" + trust + "\n  }\n", nil
}

// loopbackOnly refuses an address that others could reach.
func loopbackOnly(address string) (string, error) {
	name, port, err := net.SplitHostPort(address)
	ip := net.ParseIP(name)
	if err != nil || port == "" || port == "0" {
		return "", usagef("--listen is an address with a port, such as 127.0.0.1:9400")
	}
	if name != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", usagef("it believes everybody, so it listens on this machine only: --listen 127.0.0.1:%s", port)
	}
	return address, nil
}

func (c *simulateIDPCommand) misbehave(p *idp.Provider) error {
	if c.Fault == "" {
		return nil
	}
	protocol, name, _ := strings.Cut(c.Fault, ":")
	openid, saml := "", ""
	switch {
	case name == "":
	case protocol == "oidc":
		openid = name
	case protocol == "saml":
		saml = name
	}
	if openid+saml == "" || p.Misbehave(openid, saml) != nil {
		return usagef("there is no fault %q: gatehouse simulate idp --list-faults shows them", c.Fault)
	}
	return nil
}

func (c *simulateIDPCommand) list(t *terminal, p *idp.Provider) error {
	faults, err := p.Faults()
	if err != nil {
		return err
	}
	type fault struct {
		Fault string `json:"fault"`
		What  string `json:"what"`
	}
	var list []fault
	var rows [][]string
	for _, f := range faults {
		list = append(list, fault{f.Protocol + ":" + f.Name, f.Doc})
		rows = append(rows, []string{f.Protocol + ":" + f.Name, f.Doc})
	}
	if c.JSON {
		return t.printJSON(list)
	}
	return t.table([]column{{title: "FAULT"}, {title: "WHAT IT DOES", cut: true}}, rows)
}

// blocks are the connections by which a host takes its word.
const blocks = `connection "%[1]s-oidc" {
  organization = "acme" # yours
  create_users = "on_login"

  authenticator "oidc" {
    issuer        = %[2]q
    client_id     = %[3]q
    client_secret = env("PLAYED_CLIENT_SECRET") # %[4]s
  }
}

connection "%[1]s-saml" {
  organization = "acme"
  create_users = "on_login"

  authenticator "saml" {
    metadata_url     = %[5]q
    new_certificates = "always"
  }
}
`

// introduce says where it is, who there is, and what a host needs.
func (c *simulateIDPCommand) introduce(t *terminal, p *idp.Provider, people []idp.Person) error {
	reach, err := c.reach()
	if err != nil {
		return err
	}
	hcl := fmt.Sprintf(blocks, c.Connection, p.Issuer(), idp.ClientID, idp.ClientSecret, p.MetadataURL())
	if c.JSON {
		type person struct {
			UserName string   `json:"user_name"`
			Name     string   `json:"name"`
			Groups   []string `json:"groups"`
		}
		var list []person
		for _, one := range people {
			list = append(list, person{one.UserName, one.GivenName + " " + one.FamilyName, append([]string{}, one.Groups...)})
		}
		return t.printJSON(map[string]any{
			"url": c.url(c.Listen) + "/", "issuer": p.Issuer(), "metadata_url": p.MetadataURL(), "client_id": idp.ClientID, "client_secret": idp.ClientSecret,
			"people": list, "server": reach, "connections": hcl,
		})
	}
	if err := t.printf("An identity provider for trying things out, at %s/\n\n", c.url(c.Listen)); err != nil {
		return err
	}
	var rows [][]string
	for _, one := range people {
		rows = append(rows, []string{one.UserName, one.GivenName + " " + one.FamilyName, strings.Join(one.Groups, ", ")})
	}
	if err := t.table([]column{{title: "WHO"}, {title: "NAME", cut: true}, {title: "GROUPS", cut: true}}, rows); err != nil {
		return err
	}
	return t.printf("\nIn the server block of the host:\n\n%s\nIn a file of its configuration, with PLAYED_CLIENT_SECRET in its environment:\n\n%s\nThen sign on at %[3]s/login?connection=%[4]s-oidc or ?connection=%[4]s-saml.\n",
		painted(reach), painted(hcl), strings.TrimSuffix(c.Host, "/"), c.Connection)
}

// serveUntil serves until ctx ends, and answers what it has begun.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(last); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
