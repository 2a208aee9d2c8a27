package config

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// The forms of what stands in a file, as messages show them.
const (
	attributeForm = `name = value`
	blockForm     = `name "label" {`
	valueForms    = `a text in quotation marks, a number, true or false, a list [ ], a map { }, or a call such as env("NAME")`
)

// expected is what the grammar asks for where the parser stopped, by the summary
// that it gives (github.com/hashicorp/hcl/v2/hclsyntax, parser.go). The parser's
// own sentences may quote the file, where a misplaced quotation mark turns a
// secret into a name; these quote nothing.
var expected = map[string]string{
	"Argument definition required":                    "A block in one line holds one attribute: " + attributeForm + ". Write every other attribute, and every block in it, in a line of its own.",
	"Argument or block definition required":           "Expected an attribute, " + attributeForm + ", with an equals sign; the beginning of a block, " + blockForm + "; or the } that ends one.",
	"Extra characters after interpolation expression": "Expected the } that ends the ${ in the text. For the characters ${ themselves, write $${.",
	"Invalid argument name":                           "The name of an attribute stands without quotation marks: " + attributeForm + ".",
	"Invalid attribute name":                          "Expected a name behind the dot.",
	"Invalid block definition":                        "Expected an attribute, " + attributeForm + ", or the beginning of a block, " + blockForm + ", which has no equals sign and stands in one line with its labels.",
	"Invalid escape sequence":                         `Behind a \ in a text stands one of n, r, t, ", \, u and four or U and eight hexadecimal digits. For a \ itself, write two.`,
	"Invalid expression":                              "Expected a value: " + valueForms + ".",
	"Invalid multi-line string":                       `The text that stands open at the end of this line has no closing quotation mark in it. A text of several lines begins with <<EOT and ends with a line EOT.`,
	"Invalid number literal":                          "Expected a number, such as 8080 or 0.5.",
	"Invalid single-argument block definition":        "A block in one line holds one attribute, behind which its } stands. Write further attributes in a line of their own, and the } as well.",
	"Invalid string literal":                          "Expected a text in quotation marks, without ${ or %{ in it.",
	"Missing argument separator":                      "Expected a comma between two arguments, or the ) that ends the call.",
	"Missing attribute separator":                     "Expected a comma or a new line between two entries of the map, or the } that ends it.",
	"Missing attribute value":                         "Expected an equals sign and a value behind the key of the map.",
	"Missing close bracket on index":                  "Expected the ] that ends the index.",
	"Missing close bracket on splat index":            "Expected the ] that ends the index.",
	"Missing closing parenthesis":                     "Expected the ) that ends the call.",
	"Missing expression":                              "Expected a value: " + valueForms + ".",
	"Missing false expression in conditional":         "Expected a second value, behind the colon.",
	"Missing item separator":                          "Expected a comma between two elements of the list, or the ] that ends it.",
	"Missing key/value separator":                     "Expected an equals sign between the key of the map and its value. A key with dots or spaces stands in quotation marks.",
	"Missing newline after argument":                  "Expected the end of the line behind the value: a text stands in quotation marks as a whole, and every attribute in a line of its own.",
	"Missing newline after block definition":          "Expected the end of the line behind the } of the block.",
	"Unbalanced parentheses":                          "Expected the ) that ends the expression.",
	"Unclosed configuration block":                    "The block that begins here has no } that ends it. A } that is missing or too many in a block within it shows here as well.",
	"Unclosed template interpolation sequence":        "The ${ that begins here has no } that ends it. For the characters ${ themselves, write $${.",
	"Unsupported operator":                            "There is no such operator.",
	"Unterminated function call":                      "The call that begins here has no ) that ends it.",
	"Unterminated object constructor expression":      "The map that begins here has no } that ends it.",
	"Unterminated string literal":                     "A text that began before has no quotation mark that ends it.",
	"Unterminated template string":                    "A text that began before does not end: its quotation mark is missing, or the line with the word behind << alone in it.",
	"Unterminated tuple constructor expression":       "The list that begins here has no ] that ends it.",
}

// misplaced says of a character that means nothing in HCL what is meant by it.
func misplaced(r rune) string {
	switch r {
	case '\'':
		return `A text stands in double quotation marks: "text".`
	case '`':
		return `A text stands in double quotation marks: "text". One of several lines begins with <<EOT and ends with a line EOT.`
	case '“', '”', '„', '‟', '‘', '’':
		return `This is a typographic quotation mark. A text stands in straight ones: "text".`
	case ';':
		return "An attribute ends with its line, and elements of a list stand between commas: there is no semicolon."
	}
	return "This character means nothing outside of a text in quotation marks."
}

// said is the sentence for a complaint of the parser: ours where there is one,
// else the parser's own if it quotes nothing that is hidden.
func (p *page) said(d *hcl.Diagnostic) string {
	here := p.runeAt(d.Subject)
	own, known := expected[d.Summary]
	switch {
	case here == '}' && d.Summary == "Argument or block definition required":
		return "No block is open here that this } could end."
	case d.Summary == "Invalid character":
		return misplaced(here)
	case known:
		return own
	case strings.HasPrefix(d.Summary, "Attribute redefined") && p.quotedBy(d.Detail):
		return "This attribute stands in its block already."
	case p.quotedBy(d.Detail):
		return fmt.Sprintf("Expected an attribute, %s, a block, %s, or a value: %s. What stands here is not repeated, because it may be a secret.", attributeForm, blockForm, valueForms)
	}
	return d.Detail
}

// runeAt is the character that a range begins with.
func (p *page) runeAt(at *hcl.Range) rune {
	if at == nil || at.Start.Byte < 0 || at.Start.Byte > len(p.text) {
		return utf8.RuneError
	}
	r, _ := utf8.DecodeRune(p.text[at.Start.Byte:])
	return r
}
