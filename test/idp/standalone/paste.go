package standalone

import (
	_ "embed"
	"strings"
	"text/template"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// SecretVariable is the environment variable in which the host finds the client secret.
const SecretVariable = "GATEHOUSE_IDP_SECRET"

// samlLabel is the label of the second authenticator, which is part of its addresses.
const samlLabel = "saml"

//go:embed paste.tmpl
var pasteText string

// paste is what a host's configuration needs, by the name of a template.
func (p *Provider) paste(name string) (string, error) {
	parsed, err := template.New("").Funcs(template.FuncMap{"quote": quote}).Parse(pasteText)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = parsed.ExecuteTemplate(&b, name, map[string]any{
		"Connection": p.options.Connection, "Organization": p.options.Organization, "Issuer": p.idp.Issuer(), "Metadata": p.idp.MetadataURL(),
		"Variable": SecretVariable, "Network": p.network(), "CA": p.CAFile(), "Label": samlLabel,
	})
	return b.String(), err
}

// quote is a text as HCL has it.
func quote(text string) string { return string(hclwrite.TokensForValue(cty.StringVal(text)).Bytes()) }
