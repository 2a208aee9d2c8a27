package policy

import (
	"slices"
	"strings"
	"time"
)

// NoRule is the index of a Rule that stands for no route.
const NoRule = -1

// Rule is the route that applies to a request. Index is its place in
// Rules.Routes, or NoRule.
type Rule struct {
	Index      int
	Upstream   string
	Pattern    string
	Permission string // what the principal must have; "" asks for any authenticated principal
	Public     bool   // open to everybody, also without a credential
	Deny       bool   // closed to everybody
	SignOn     SignOn // how people must have signed on; with it programs do not pass
	Where      string // file:line of the route
}

// SignOn is what a route asks of a person's sign-on at their IdP. The zero value
// asks nothing.
type SignOn struct {
	MultiFactor bool          // with more than one factor
	MaxAge      time.Duration // no longer ago; 0 is any time
}

// routes finds the rule for a request to one upstream: a trie with one step for
// each segment. Nodes refer to each other by index; 0, the root, is nobody's
// child and so means "none".
type routes struct {
	nodes []node
	rules []Rule
}

type node struct {
	literals map[string]int32
	star     int32
	deep     int32 // the child for "**"
	isDeep   bool  // this node is such a child: it stays active with every segment
	rank     int   // place of its pattern in the order of compareSegments
	entries  []entry
}

// entry is a route that ends at a node. Method "" is every method.
type entry struct {
	method string
	rule   int32
}

// add puts a route at the end of its pattern and returns the other route that
// is equal to it: the same pattern for the same method.
func (r *routes) add(segments []segment, methods []string, rule Rule) (Rule, bool) {
	if len(r.nodes) == 0 {
		r.nodes = []node{{}}
	}
	at := int32(0)
	for _, s := range segments {
		at = r.child(at, s)
	}
	if len(methods) == 0 {
		methods = []string{""}
	}
	end := &r.nodes[at]
	for _, m := range methods {
		for _, e := range end.entries {
			if e.method == m {
				return r.rules[e.rule], true
			}
		}
	}
	r.rules = append(r.rules, rule)
	for _, m := range methods {
		end.entries = append(end.entries, entry{method: m, rule: int32(len(r.rules) - 1)})
	}
	return Rule{}, false
}

// child returns the step from a node by one segment of a pattern.
func (r *routes) child(at int32, s segment) int32 {
	fresh := int32(len(r.nodes))
	n := &r.nodes[at]
	switch {
	case s.kind == literal && n.literals[s.text] != 0:
		return n.literals[s.text]
	case s.kind == star && n.star != 0:
		return n.star
	case s.kind == deep && n.deep != 0:
		return n.deep
	case s.kind == star:
		n.star = fresh
	case s.kind == deep:
		n.deep = fresh
	default:
		if n.literals == nil {
			n.literals = map[string]int32{}
		}
		n.literals[s.text] = fresh
	}
	r.nodes = append(r.nodes, node{isDeep: s.kind == deep})
	return fresh
}

// sort numbers the nodes where a route ends, the most specific pattern first.
func (r *routes) sort() {
	type ending struct {
		node     int32
		segments []segment
	}
	var endings []ending
	var walk func(at int32, path []segment)
	walk = func(at int32, path []segment) {
		n := &r.nodes[at]
		if len(n.entries) > 0 {
			endings = append(endings, ending{at, slices.Clone(path)})
		}
		for text, child := range n.literals {
			walk(child, append(path, segment{kind: literal, text: text}))
		}
		if n.star != 0 {
			walk(n.star, append(path, segment{kind: star}))
		}
		if n.deep != 0 {
			walk(n.deep, append(path, segment{kind: deep}))
		}
	}
	walk(0, nil)
	slices.SortFunc(endings, func(a, b ending) int { return compareSegments(a.segments, b.segments) })
	for rank, e := range endings {
		r.nodes[e.node].rank = rank
	}
}

// find returns the most specific rule for a canonical path, in one pass over
// it: the nodes that the segments so far lead to are kept side by side, so
// nothing is tried twice, and nodes that do not match cost nothing. Ordinary
// sets of rules keep the nodes in the two buffers and allocate nothing. A
// trailing slash leaves nothing to step over, and so does not count.
func (r *routes) find(method, path string) (Rule, bool) {
	var one, two [32]int32
	active, next := r.enter(one[:0], 0), two[:0]
	for rest := path[1:]; rest != "" && len(active) > 0; {
		var text string
		text, rest, _ = strings.Cut(rest, "/")
		next = next[:0]
		for _, at := range active {
			n := &r.nodes[at]
			if n.isDeep {
				next = r.enter(next, at)
			}
			if child := n.literals[text]; child != 0 {
				next = r.enter(next, child)
			}
			if n.star != 0 {
				next = r.enter(next, n.star)
			}
		}
		active, next = next, active
	}
	best, rank := int32(-1), 0
	for _, at := range active {
		n := &r.nodes[at]
		if best >= 0 && n.rank >= rank {
			continue
		}
		if rule, ok := n.rule(method); ok {
			best, rank = rule, n.rank
		}
	}
	if best < 0 {
		return Rule{}, false
	}
	return r.rules[best], true
}

// enter adds a node to the active ones, and its "**" child, which matches no
// segments too. Only nodes for "**" can be reached in two ways at once.
func (r *routes) enter(active []int32, at int32) []int32 {
	if r.nodes[at].isDeep && slices.Contains(active, at) {
		return active
	}
	active = append(active, at)
	if child := r.nodes[at].deep; child != 0 {
		return r.enter(active, child)
	}
	return active
}

// rule picks among the routes that end at a node: the one for the method, for
// HEAD else the one for GET (RFC 9110 §9.3.2: HEAD is GET without content),
// else the one for every method.
func (n *node) rule(method string) (int32, bool) {
	best, grade := int32(0), 0
	for _, e := range n.entries {
		g := 0
		switch {
		case e.method == method && method != "":
			g = 3
		case e.method == "GET" && method == "HEAD":
			g = 2
		case e.method == "":
			g = 1
		}
		if g > grade {
			best, grade = e.rule, g
		}
	}
	return best, grade > 0
}
