package policy

import (
	"maps"
	"slices"
)

// maxReach bounds the search for requests that reach routes, in sets of nodes for
// each upstream. Rules with many "**" can have very many.
const maxReach = 20_000

// Unreachable gives the indexes of routes that apply to no request, because for
// every request that they match another is more specific; sorted. Where it cannot be
// known at reasonable cost, a route counts as reached.
func (p *Policy) Unreachable() []int {
	var list []int
	for _, r := range p.upstreams {
		won, whole := r.winners()
		if !whole {
			continue
		}
		for _, rule := range r.rules {
			if !won[rule.Index] {
				list = append(list, rule.Index)
			}
		}
	}
	slices.Sort(list)
	return list
}

// winners finds the routes that apply to some request. It goes through the sets of
// nodes that a path can lead to, as find does with one path: a segment is one of the
// literals that stand there, or any other.
func (r *routes) winners() (won map[int]bool, whole bool) {
	methods := r.methods()
	won = map[int]bool{}
	seen := map[string]bool{}
	queue := [][]int32{r.enter(nil, 0)}
	for len(queue) > 0 {
		active := queue[0]
		queue = queue[1:]
		for _, m := range methods {
			if rule, ok := r.best(active, m); ok {
				won[r.rules[rule].Index] = true
			}
		}
		for _, text := range r.segments(active) {
			next := r.step(active, text)
			key := keyOf(next)
			if len(next) == 0 || seen[key] {
				continue
			}
			if seen[key] = true; len(seen) > maxReach {
				return won, false
			}
			queue = append(queue, next)
		}
	}
	return won, true
}

// otherSegment is a segment that no pattern names: a canonical path has no space.
const otherSegment = " "

// segments are those that lead on in different ways from a set of nodes.
func (r *routes) segments(active []int32) []string {
	texts := map[string]bool{otherSegment: true}
	for _, at := range active {
		for text := range r.nodes[at].literals {
			texts[text] = true
		}
	}
	return slices.Sorted(maps.Keys(texts))
}

// step is where a segment leads, as in find.
func (r *routes) step(active []int32, text string) []int32 {
	var next []int32
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
	return next
}

// best is the route that applies where a path ends at these nodes, as in find.
func (r *routes) best(active []int32, method string) (int32, bool) {
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
	return best, best >= 0
}

// methods are those that routes name, with one that none names.
func (r *routes) methods() []string {
	names := map[string]bool{"GET": true, "HEAD": true, "X-OTHER": true}
	for _, n := range r.nodes {
		for _, e := range n.entries {
			if e.method != "" {
				names[e.method] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// keyOf is the same for the same set of nodes.
func keyOf(active []int32) string {
	set := slices.Clone(active)
	slices.Sort(set)
	b := make([]byte, 0, 4*len(set))
	for _, at := range slices.Compact(set) {
		b = append(b, byte(at), byte(at>>8), byte(at>>16), byte(at>>24))
	}
	return string(b)
}

// Permits reports whether one of the patterns covers a permission.
func Permits(patterns []string, permission string) bool {
	return slices.ContainsFunc(covering(permission), func(c string) bool { return slices.Contains(patterns, c) })
}
