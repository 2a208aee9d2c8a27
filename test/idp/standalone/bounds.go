package standalone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// depthMost is how often brackets stand within each other: a block, and a list in it.
const depthMost = 8

// plainHCL refuses what the parser would call itself for again and again, until there
// is no memory left. A file of people has names and lists, and computes nothing.
func plainHCL(path string, text []byte) hcl.Diagnostics {
	tokens, wrong := hclsyntax.LexConfig(text, path, hcl.InitialPos)
	if wrong.HasErrors() {
		return wrong
	}
	depth := 0
	for _, token := range tokens {
		switch token.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack:
			depth--
		case hclsyntax.TokenIdent, hclsyntax.TokenEqual, hclsyntax.TokenComma, hclsyntax.TokenNewline, hclsyntax.TokenComment, hclsyntax.TokenEOF,
			hclsyntax.TokenOQuote, hclsyntax.TokenQuotedLit, hclsyntax.TokenCQuote, hclsyntax.TokenNumberLit:
		default:
			return hcl.Diagnostics{complaint(token.Range, "Not a plain value", fmt.Sprintf("Expected a text or a list of texts, and not %q.", token.Bytes))}
		}
		if depth > depthMost {
			return hcl.Diagnostics{complaint(token.Range, "Nested too deeply", "Expected blocks with texts and lists of texts.")}
		}
	}
	return nil
}

// shallowJSON is the same for JSON.
func shallowJSON(path string, text []byte) hcl.Diagnostics {
	d, depth := json.NewDecoder(bytes.NewReader(text)), 0
	wrong := func(summary, detail string) hcl.Diagnostics {
		line := 1 + bytes.Count(text[:d.InputOffset()], []byte("\n"))
		return hcl.Diagnostics{complaint(hcl.Range{Filename: path, Start: hcl.Pos{Line: line, Column: 1}}, summary, detail)}
	}
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil // the parser knows whether all is closed
		case err != nil:
			return wrong("Not JSON", fmt.Sprintf("It cannot be read from here on: %v.", err))
		case token == json.Delim('{') || token == json.Delim('['):
			depth++
		case token == json.Delim('}') || token == json.Delim(']'):
			depth--
		}
		if depth > depthMost {
			return wrong("Nested too deeply", "Expected objects with texts and lists of texts.")
		}
	}
}
