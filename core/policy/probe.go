package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// probe is a module that answers for each line of some mappings by itself. The
// lines are those that the policy runs, and OPA evaluates them on the same input:
// so an explanation cannot read a condition in another way than the decision.
type probe struct {
	lines, values []string
	known         map[string]int // where a line stands; values begin with "="
}

// maxProbe bounds the lines of one explanation: to compile so many takes some
// tenths of a second.
const maxProbe = 2000

func (p *probe) line(text string) {
	if _, ok := p.known[text]; !ok {
		p.known[text] = len(p.lines)
		p.lines = append(p.lines, text)
	}
}

func (p *probe) value(o operand) {
	if _, ok := p.known["="+o.rego]; !ok {
		p.known["="+o.rego] = len(p.values)
		p.values = append(p.values, o.rego)
	}
}

// add takes all that one mapping asks. It reports false where that is too much.
func (p *probe) add(m rule) bool {
	if len(p.lines)+len(p.values) > maxProbe {
		return false
	}
	for _, g := range m.groupParts() {
		p.line(g.line)
	}
	for _, alternative := range m.lines {
		for _, ch := range alternative {
			p.line(ch.rego)
			for _, o := range ch.asks.valued() {
				p.value(o)
			}
		}
	}
	return true
}

// probed is what a probe found out about somebody.
type probed struct {
	holds  map[string]bool   // lines
	values map[string]string // of operands, by their Rego
}

func (p *probe) source() string {
	var b strings.Builder
	b.WriteString("package gatehouse.probe\n\nholds contains -1\n\nvalues[-1] := \"\"\n")
	for i, line := range p.lines {
		fmt.Fprintf(&b, "\nholds contains %d if {\n\t%s\n}\n", i, line)
	}
	for i, value := range p.values {
		fmt.Fprintf(&b, "\nvalues[%d] := %s\n", i, value)
	}
	return b.String()
}

// ask evaluates all of it.
func (p *probe) ask(ctx context.Context, input ast.Value) (probed, error) {
	compiler, _, err := compile([]string{p.source()})
	if err != nil {
		return probed{}, err
	}
	found := probed{map[string]bool{}, map[string]string{}}
	e := &engine{limit: evaluationLimit}
	holds, err := prepare(ctx, compiler, "data.gatehouse.probe.holds")
	if err != nil {
		return probed{}, err
	}
	answer, err := e.evaluate(ctx, holds, input)
	if err != nil {
		return probed{}, err
	}
	list, _ := answer.([]any)
	for _, one := range list {
		if n, ok := one.(json.Number); ok {
			if i, err := n.Int64(); err == nil && i >= 0 && int(i) < len(p.lines) {
				found.holds[p.lines[i]] = true
			}
		}
	}
	values, err := prepare(ctx, compiler, "data.gatehouse.probe.values")
	if err != nil {
		return probed{}, err
	}
	if answer, err = e.evaluate(ctx, values, input); err != nil {
		return probed{}, err
	}
	told, _ := answer.(map[string]any)
	for i, rego := range p.values {
		if text, ok := told[fmt.Sprint(i)].(string); ok {
			found.values[rego] = text
		}
	}
	return found, nil
}
