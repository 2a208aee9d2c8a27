package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format lays a file out as `gatehouse fmt` does. A file with a syntax error is
// not touched; the error says where it is and repeats nothing of the text.
func Format(src []byte) ([]byte, error) {
	p, ds := newPage(File{Text: src})
	if p.body == nil {
		return nil, fmt.Errorf("formatting: syntax error on line %d, column %d", ds[0].Subject.Start.Line, ds[0].Subject.Start.Column)
	}
	return hclwrite.Format(src), nil
}
