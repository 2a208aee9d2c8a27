package policy

import (
	"slices"
	"strconv"
	"strings"
)

// condition is what a `when` says, as a tree. It is evaluated here and not by OPA,
// to which is told whether it holds: what OPA's index cannot read, such as "!",
// costs OPA a microsecond for each mapping, and costs a tree a few nanoseconds.
//
// Absence. An attribute that is named anywhere in a condition and absent makes the
// whole condition false. So "!" and "!=" never turn absence into a grant, and every
// part that is reached is true or false.
type condition struct {
	root       part
	attributes []string // all that are named, sorted
}

// part is what is is true or false.
type part interface {
	holds(v *values) bool
	write(b *strings.Builder)
}

// values are what is known of somebody, by the names of attributes. Texts are in
// the normal form NFC, in which HCL gives the literals that they are compared with.
type values struct {
	single map[string]value
	lists  map[string]map[string]bool // one that is absent is nil, one that is empty is not

	lowered map[string]string // texts in lower case, as they were asked for
}

// value is a text, a number or a truth; which of them, the kind of its operand says.
type value struct {
	text   string
	number float64
	truth  bool
}

// holds reports whether the condition does.
func (c *condition) holds(v *values) bool {
	for _, name := range c.attributes {
		if _, there := v.single[name]; !there && v.lists[name] == nil {
			return false
		}
	}
	return c.root.holds(v)
}

// never reports whether a condition holds for nobody, whatever is known.
func (c *condition) never() bool {
	return c != nil && len(c.attributes) == 0 && !c.root.holds(&values{})
}

// String writes the condition as it may stand in a file.
func (c *condition) String() string {
	var b strings.Builder
	c.root.write(&b)
	return b.String()
}

// names reports whether an attribute of this root ("auth.") is named.
func (c *condition) names(root string) bool {
	return slices.ContainsFunc(c.attributes, func(name string) bool { return strings.HasPrefix(name, root) })
}

// junction is "&&", or "||".
type junction struct {
	and         bool
	left, right part
}

func (j *junction) holds(v *values) bool {
	if j.left.holds(v) != j.and {
		return !j.and
	}
	return j.right.holds(v)
}

func (j *junction) write(b *strings.Builder) {
	b.WriteByte('(')
	j.left.write(b)
	if j.and {
		b.WriteString(" && ")
	} else {
		b.WriteString(" || ")
	}
	j.right.write(b)
	b.WriteByte(')')
}

// negation is "!".
type negation struct{ of part }

func (n negation) holds(v *values) bool { return !n.of.holds(v) }

func (n negation) write(b *strings.Builder) {
	b.WriteByte('!')
	n.of.write(b)
}

// comparison is "==", or "!=".
type comparison struct {
	differ      bool
	left, right operand
}

func (c *comparison) holds(v *values) bool { return (c.left.of(v) == c.right.of(v)) != c.differ }

func (c *comparison) write(b *strings.Builder) {
	b.WriteByte('(')
	c.left.write(b)
	if c.differ {
		b.WriteString(" != ")
	} else {
		b.WriteString(" == ")
	}
	c.right.write(b)
	b.WriteByte(')')
}

// call is a function that is true or false.
type call struct {
	function string
	args     [2]operand
}

func (c *call) holds(v *values) bool {
	second := c.args[1].of(v).text
	switch c.function {
	case "contains":
		return v.lists[c.args[0].attribute][second]
	case "startswith":
		return strings.HasPrefix(c.args[0].of(v).text, second)
	case "endswith":
		return strings.HasSuffix(c.args[0].of(v).text, second)
	}
	return false // no other is read
}

func (c *call) write(b *strings.Builder) {
	b.WriteString(c.function + "(")
	c.args[0].write(b)
	b.WriteString(", ")
	c.args[1].write(b)
	b.WriteByte(')')
}

// truthOf is an operand that is true or false by itself.
type truthOf struct{ *operand }

func (t truthOf) holds(v *values) bool { return t.of(v).truth }

// of is the operand's value. An attribute is there: condition.holds has looked.
func (o *operand) of(v *values) value {
	if o.attribute == "" {
		return o.literal
	}
	found := v.single[o.attribute]
	if o.lower {
		found.text = v.lower(o.attribute)
	}
	return found
}

// lower is a text in lower case.
func (v *values) lower(name string) string {
	text, known := v.lowered[name]
	if !known {
		if v.lowered == nil {
			v.lowered = map[string]string{}
		}
		text = strings.ToLower(v.single[name].text)
		v.lowered[name] = text
	}
	return text
}

func (o *operand) write(b *strings.Builder) {
	switch {
	case o.attribute != "" && o.lower:
		b.WriteString("lower(" + o.attribute + ")")
	case o.attribute != "":
		b.WriteString(o.attribute)
	case o.kind == number:
		b.WriteString(strconv.FormatFloat(o.literal.number, 'f', -1, 64))
	case o.kind == truth:
		b.WriteString(strconv.FormatBool(o.literal.truth))
	default:
		b.WriteString(strings.NewReplacer("${", "$${", "%{", "%%{").Replace(quote(o.literal.text)))
	}
}
