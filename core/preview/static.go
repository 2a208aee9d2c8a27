package preview

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
)

// addresses compares what identity providers were given. One that is gone where
// just one of its kind is new in the same connection has moved there, as when an
// authenticator gets another label.
func addresses(before, after []Address) []wire.PlannedAddress {
	type key struct{ connection, instance, what string }
	old := map[key]Address{}
	for _, a := range before {
		old[key{a.Connection, a.Instance, a.What}] = a
	}
	list := []wire.PlannedAddress{}
	for _, a := range after {
		k := key{a.Connection, a.Instance, a.What}
		was := old[k]
		delete(old, k)
		if was.URL != a.URL {
			list = append(list, wire.PlannedAddress{Connection: a.Connection, Instance: a.Instance, What: a.What, Before: was.URL, After: a.URL})
		}
	}
	type place struct{ connection, what string }
	gone, fresh := map[place][]Address{}, map[place][]int{}
	for _, a := range old {
		at := place{a.Connection, a.What}
		gone[at] = append(gone[at], a)
	}
	for i, a := range list {
		if a.Before == "" {
			at := place{a.Connection, a.What}
			fresh[at] = append(fresh[at], i)
		}
	}
	for at, some := range gone {
		if len(some) == 1 && len(fresh[at]) == 1 {
			list[fresh[at][0]].Before = some[0].URL
			continue
		}
		for _, a := range some {
			list = append(list, wire.PlannedAddress{Connection: a.Connection, Instance: a.Instance, What: a.What, Before: a.URL})
		}
	}
	slices.SortFunc(list, func(a, b wire.PlannedAddress) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.What, b.What))
	})
	return list
}

// permissions compares the roles that both declare.
func permissions(before, after *Side) []wire.PlannedPermissions {
	list := []wire.PlannedPermissions{}
	for _, name := range slices.Sorted(maps.Keys(after.Roles)) {
		if !before.counts(name) {
			continue
		}
		was, is := before.Roles[name].Permissions, after.Roles[name].Permissions
		one := wire.PlannedPermissions{Role: name, Gains: missing(is, was), Loses: missing(was, is)}
		if len(one.Gains)+len(one.Loses) > 0 {
			list = append(list, one)
		}
	}
	return list
}

// missing lists, sorted, what others do not have.
func missing(list, others []string) []string {
	out := []string{}
	for _, one := range list {
		if !slices.Contains(others, one) {
			out = append(out, one)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// routes compares the rules for requests.
func routes(before, after *Side) []wire.PlannedRoute {
	was, is := asked(before), asked(after)
	list := []wire.PlannedRoute{}
	for at, asks := range is {
		if was[at] != asks {
			at.Before, at.After = was[at], asks
			list = append(list, at)
		}
	}
	for at, asks := range was {
		if _, stays := is[at]; !stays {
			at.Before = asks
			list = append(list, at)
		}
	}
	slices.SortFunc(list, func(a, b wire.PlannedRoute) int {
		return cmp.Or(cmp.Compare(a.Upstream, b.Upstream), cmp.Compare(a.Pattern, b.Pattern), cmp.Compare(a.Method, b.Method))
	})
	return list
}

// asked is what each rule asks for, in words, by where it stands.
func asked(s *Side) map[wire.PlannedRoute]string {
	out := map[wire.PlannedRoute]string{}
	for name, closed := range s.Upstreams {
		rest := "any principal"
		if closed {
			rest = "what nobody has"
		}
		out[wire.PlannedRoute{Upstream: name, Pattern: "(paths without a rule)"}] = rest
	}
	for _, r := range s.Routes {
		asks := "any principal"
		switch {
		case r.Public:
			asks = "nothing"
		case r.Permission != "":
			asks = r.Permission
		}
		if r.SignOn.MultiFactor {
			asks += ", more than one factor"
		}
		if r.SignOn.MaxAge > 0 {
			asks += fmt.Sprintf(", a sign-on of the last %s", r.SignOn.MaxAge)
		}
		methods := r.Methods
		if len(methods) == 0 {
			methods = []string{""}
		}
		for _, m := range methods {
			out[wire.PlannedRoute{Upstream: r.Upstream, Pattern: r.Pattern, Method: m}] = asks
		}
	}
	return out
}
