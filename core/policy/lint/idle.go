package lint

import (
	"slices"
	"strings"
)

// maxSubsets bounds the checks of an alternative of which all combinations are looked
// up. Of longer ones single checks, pairs and the whole are, and of very long ones no
// pairs.
const (
	maxSubsets = 8
	maxPairs   = 40
)

// idle finds the mappings of one scope whose roles somebody who fulfils them has by
// another mapping already. Of several that ask for the same, all but the first are told.
func (c *checker) idle(scope []shape) {
	above := covering(scope)
	for i, s := range scope {
		for _, o := range above[i] {
			other := scope[o]
			missing := slices.ContainsFunc(s.Roles, func(r string) bool { return !slices.Contains(other.Roles, r) })
			if missing || other.Client != "" && other.Client != s.Client {
				continue
			}
			if len(s.Roles) == len(other.Roles) && slices.Contains(above[o], i) {
				if o < i {
					c.find(MappingIdle, s.Range, "Mapping stands twice", "Mapping %q says what mapping %q (%s) says.", s.Name, other.Name, other.Where)
					break
				}
				continue
			}
			c.find(MappingIdle, s.Range, "Mapping gives nothing", "Whoever fulfils mapping %q has its roles by mapping %q (%s) already, which asks for less or gives more.", s.Name, other.Name, other.Where)
			break
		}
	}
}

// covering gives for each mapping those that whoever fulfils it fulfils as well: each
// of its alternatives asks for all that one of theirs does.
func covering(scope []shape) [][]int {
	by := map[string][]int{} // who has an alternative, by its checks
	for i, s := range scope {
		for _, a := range s.alternatives {
			key := strings.Join(keysOf(a), "\n")
			if list := by[key]; len(list) == 0 || list[len(list)-1] != i {
				by[key] = append(list, i)
			}
		}
	}
	above := make([][]int, len(scope))
	for i, s := range scope {
		var all map[int]bool
		for _, a := range s.alternatives {
			these := map[int]bool{}
			for _, key := range subsets(a) {
				for _, o := range by[key] {
					if o != i && (all == nil || all[o]) {
						these[o] = true
					}
				}
			}
			all = these
		}
		for o := range all {
			above[i] = append(above[i], o)
		}
		slices.Sort(above[i])
	}
	return above
}

func keysOf(all []atom) []string {
	var keys []string
	for _, a := range all {
		keys = append(keys, a.key())
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// subsets are the keys of what asks for no more than some checks do.
func subsets(all []atom) []string {
	keys := keysOf(all)
	if len(keys) > maxSubsets {
		list := []string{"", strings.Join(keys, "\n")}
		for i, k := range keys {
			list = append(list, k)
			if len(keys) > maxPairs {
				continue
			}
			for _, other := range keys[i+1:] {
				list = append(list, k+"\n"+other)
			}
		}
		return list
	}
	var list []string
	for chosen := range 1 << len(keys) {
		var some []string
		for i, k := range keys {
			if chosen&(1<<i) != 0 {
				some = append(some, k)
			}
		}
		list = append(list, strings.Join(some, "\n"))
	}
	return list
}
