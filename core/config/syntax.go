package config

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// What a file may ask of the parser. The parser is recursive and its handling
// of heredocs takes time that grows with the square of their lines, so both are
// bounded before it sees the file.
const (
	lineLimit     = 20_000
	depthLimit    = 64     // brackets, braces and templates within each other
	operatorLimit = 10_000 // operators of one file, as each may nest the next
	complaintMax  = 20     // syntax errors shown of one file
)

// parse gives the blocks of a file. With errors the body is not to be used: the
// parser guesses where the next block begins.
func parse(f File) (*hclsyntax.Body, hclsyntax.Tokens, hcl.Diagnostics) {
	if d := oversize(f); d != nil {
		return nil, nil, hcl.Diagnostics{d}
	}
	tokens, _ := hclsyntax.LexConfig(f.Text, f.Name, hcl.InitialPos)
	if d := nesting(tokens); d != nil {
		return nil, tokens, hcl.Diagnostics{d}
	}
	parsed, ds := hclsyntax.ParseConfig(f.Text, f.Name, hcl.InitialPos)
	if ds.HasErrors() {
		return nil, tokens, telling(ds)
	}
	return parsed.Body.(*hclsyntax.Body), tokens, nil
}

// telling leaves out what follows from another mistake: behind a quotation mark
// that is missing, text and structure have changed places; and a character that
// means nothing is no expression either.
func telling(ds hcl.Diagnostics) hcl.Diagnostics {
	seen := map[hcl.Pos]bool{}
	ds = slices.DeleteFunc(slices.Clone(ds), func(d *hcl.Diagnostic) bool {
		again := d.Subject != nil && seen[d.Subject.Start]
		if d.Subject != nil {
			seen[d.Subject.Start] = true
		}
		return again
	})
	for i, d := range ds {
		if d.Summary == "Invalid multi-line string" {
			ds = ds[:i+1]
			break
		}
	}
	return ds[:min(len(ds), complaintMax)]
}

func oversize(f File) *hcl.Diagnostic {
	at := hcl.Range{Filename: f.Name, Start: hcl.InitialPos, End: hcl.InitialPos}
	if len(f.Text) > FileLimit {
		return refusal(at, "File too large", fmt.Sprintf("A file has at most %d bytes. Divide it: all *.hcl files of the directory are read.", FileLimit))
	}
	lines := 1
	for i := 0; i < len(f.Text); {
		r, size := utf8.DecodeRune(f.Text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			at.Start = hcl.Pos{Line: lines, Column: 1, Byte: i}
			at.End = at.Start
			return refusal(at, "Not UTF-8", "The file is no text in UTF-8 from this line on.")
		case r == '\n':
			lines++
		}
		i += size
	}
	if lines > lineLimit {
		return refusal(at, "File too long", fmt.Sprintf("A file has at most %d lines. Divide it: all *.hcl files of the directory are read.", lineLimit))
	}
	return nil
}

func nesting(tokens hclsyntax.Tokens) *hcl.Diagnostic {
	depth, operators := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen,
			hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen,
			hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			depth = max(0, depth-1)
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenPlus, hclsyntax.TokenStar,
			hclsyntax.TokenSlash, hclsyntax.TokenPercent, hclsyntax.TokenQuestion, hclsyntax.TokenAnd,
			hclsyntax.TokenOr, hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan,
			hclsyntax.TokenLessThanEq, hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq,
			hclsyntax.TokenTemplateControl, hclsyntax.TokenDot, hclsyntax.TokenColon:
			operators++
		}
		if t.Type == hclsyntax.TokenTemplateInterp {
			operators++ // each makes the text around it two more parts
		}
		if depth > depthLimit {
			return refusal(t.Range, "Nested too deeply", fmt.Sprintf("Brackets stand within each other at most %d times.", depthLimit))
		}
		if operators > operatorLimit {
			return refusal(t.Range, "Too many operators", fmt.Sprintf("The expressions of a file have at most %d operators together.", operatorLimit))
		}
	}
	return nil
}

func refusal(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at}
}
