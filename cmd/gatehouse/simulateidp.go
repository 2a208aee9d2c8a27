package main

import (
	"context"
	"fmt"
	"strings"
	"text/template"

	"github.com/gatehouse-id/gatehouse/core/config"
	"github.com/gatehouse-id/gatehouse/test/idp"
	"github.com/gatehouse-id/gatehouse/test/idp/standalone"
)

type simulateIDPCommand struct {
	Host         string   `placeholder:"URL" help:"The host's public_url, such as https://app.example.com; with /.gatehouse behind it where short_routes is false."`
	Connection   string   `default:"acme-dev" placeholder:"LABEL" help:"The connection of the host by which people sign on; ${default} unless said."`
	Organization string   `placeholder:"LABEL" help:"The organization whose people they are, which the host has. Without it the block that is printed declares one."`
	Listen       string   `default:"127.0.0.1:9400" placeholder:"ADDRESS" help:"Where it listens: a loopback address and a port, ${default} unless said."`
	Plain        bool     `help:"Speak http: for a host that gatehouse dev runs. Others take https only."`
	People       string   `placeholder:"PATH" help:"A file of who can sign on, in place of the people of the demonstration."`
	Fault        []string `placeholder:"NAME" help:"Do this wrong from the start: one for each protocol."`
	ListFaults   bool     `help:"List what can be done wrong, and run nothing."`
	Data         string   `default:".gatehouse-idp" placeholder:"DIR" help:"Folder of its keys, which is made; ${default} unless said."`
	output
}

func (simulateIDPCommand) Help() string {
	return `Runs until SIGINT or SIGTERM, and prints what the host's configuration needs for people to sign on with it, by OpenID Connect and by SAML 2.0. Nobody has a password: it believes everybody who reaches it, and so listens on the loopback interface only. The host has to run on the same machine. Take the connection out again when you have seen enough.

    gatehouse simulate idp --host https://app.example.com
    gatehouse simulate idp --host https://app.example.com --fault oidc:wrong-nonce --fault saml:no-signature
    gatehouse simulate idp --list-faults

A file of people is HCL, or the JSON form of it if its name ends with .json:

    person "jane@acme.example" {
      given_name  = "Jane"
      family_name = "Doe"
      groups      = ["Staff"]
    }`
}

// Run runs it, or lists its faults.
func (c *simulateIDPCommand) Run(ctx context.Context, t *terminal) error {
	if c.ListFaults {
		return c.list(t)
	}
	for i, name := range c.Fault { // as the IdP's pages write them
		c.Fault[i] = strings.ReplaceAll(strings.ToLower(name), " ", "-")
	}
	o := standalone.Options{
		Listen: c.Listen, Plain: c.Plain, Data: c.Data, Host: strings.TrimSuffix(c.Host, "/"), Connection: c.Connection, Organization: c.Organization,
		People: idp.People(), Faults: c.Fault,
	}
	if c.Host == "" {
		return usagef("say with --host which host people sign on to: what public_url of its configuration says, such as https://app.example.com")
	}
	if err := o.Check(); err != nil {
		return usageError{err}
	}
	if err := c.known(); err != nil {
		return err
	}
	if c.People != "" {
		var err error
		if o.People, err = standalone.ReadPeople(c.People); err != nil {
			return err
		}
	}
	p, err := standalone.Open(ctx, o)
	if err != nil {
		return err
	}
	told, err := p.Tell()
	if err == nil && c.JSON {
		err = t.printJSON(told)
	} else if err == nil {
		err = c.print(t, told)
	}
	if err != nil {
		return err
	}
	return p.Serve(ctx)
}

func (c *simulateIDPCommand) list(t *terminal) error {
	faults, err := idp.Faults()
	if err != nil {
		return err
	}
	if c.JSON {
		return t.printJSON(map[string]any{"faults": faults})
	}
	var rows [][]string
	for _, f := range faults {
		does := "refused"
		if f.Counts {
			does = "signed on"
		}
		rows = append(rows, []string{f.Name, does, f.Doc})
	}
	return t.table([]column{{title: "FAULT"}, {title: "PEOPLE ARE"}, {title: "WHAT IS WRONG"}}, rows)
}

// known says which of the faults there are not.
func (c *simulateIDPCommand) known() error {
	if len(c.Fault) == 0 {
		return nil
	}
	faults, err := idp.Faults()
	if err != nil {
		return err
	}
	there := map[string]bool{}
	var names []string
	for _, f := range faults {
		there[f.Name] = true
		names = append(names, f.Name)
	}
	before := map[string]string{} // by the protocol
	for _, name := range c.Fault {
		if !there[name] {
			return usagef("there is no fault %q%s", name, meantFault(name, names))
		}
		protocol := idp.Fault{Name: name}.Protocol()
		if other := before[protocol]; other != "" {
			return usagef("%s and %s are of one protocol, which has one fault at a time", other, name)
		}
		before[protocol] = name
	}
	return nil
}

// meantFault is what somebody probably meant, who may have left out the protocol.
func meantFault(given string, names []string) string {
	for _, try := range []string{given, "oidc:" + given, "saml:" + given} {
		if best := config.Nearest(try, names); best != "" {
			return fmt.Sprintf(": did you mean %q?", best)
		}
	}
	return ": gatehouse simulate idp --list-faults lists them"
}

// toldText is what it prints at its start. The people's names have no control characters.
const toldText = `The identity provider is at {{.URL}} and believes everybody.
{{- range .Faults}}
It misbehaves: {{.}}.
{{- end}}
These people can sign on:

{{range .People}}  {{.UserName}}{{if .Groups}}  ({{join .Groups ", "}}){{end}}
{{end}}
1. Put this into the server block of the host's configuration, so that the host
   reaches the identity provider:

{{indent .Fetch}}
2. Put this beside its other connections:

{{indent .Configuration}}
3. Start the host with this in its environment:

{{range $name, $value := .Environment}}  {{$name}}={{$value}}
{{end}}{{if not .CAFile}}
   It has to run as gatehouse dev --config, since gatehouse serve takes https only.
{{end}}
4. Open one of these in a browser on this machine:

  {{.SignOn.OIDC}}
  {{.SignOn.SAML}}
{{if .CAFile}}
   The browser warns of the certificate, which was made here: go on all the same.
{{end}}
Ctrl-C ends it. Take the connection out of the host again then.
`

func (*simulateIDPCommand) print(t *terminal, told standalone.Told) error {
	text, err := template.New("").Funcs(template.FuncMap{"indent": indented, "join": strings.Join}).Parse(toldText)
	if err != nil {
		return err
	}
	return text.Execute(t.out, told)
}

// indented is a text that stands out from the words around it, and can be pasted.
func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return b.String()
}
