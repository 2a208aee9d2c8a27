package preview_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/policy"
	"github.com/gatehouse-id/gatehouse/core/preview"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

var users = flag.Int("users", 2000, "users of BenchmarkCompare, with as many groups as there are to 20 of them")

// BenchmarkCompare compares configurations of 500 mappings over users who are in
// ten groups each: one where a single mapping differs, and one where all do. The
// goal for -users 100000 is 10 s with less than 500 MiB.
func BenchmarkCompare(b *testing.B) {
	w := open(b, storetest.Open(b, storetest.SQLite(b)))
	groups := *users / 20
	crowd(w, *users, groups)
	w.apply(side(b, many(b, groups, 0)))
	w.clear()
	for name, edited := range map[string]int{"one mapping": 1, "all mappings": 500} {
		b.Run(fmt.Sprintf("users=%d/%s", *users, name), func(b *testing.B) {
			after := side(b, many(b, groups, edited))
			var spent time.Duration
			for b.Loop() {
				began := processorTime(b)
				stop, peak := make(chan struct{}), make(chan uint64)
				go func() { peak <- watchHeap(stop) }()
				plan, err := w.Compare(context.Background(), w.inForce, after, preview.Watcher{})
				close(stop)
				heap := <-peak
				if err != nil || plan.Users != *users || len(plan.Roles) == 0 {
					b.Fatal(plan.Users, len(plan.Roles), err)
				}
				spent += processorTime(b) - began
				b.ReportMetric(float64(heap)/(1<<20), "MiB-peak")
			}
			b.ReportMetric(spent.Seconds()/float64(b.N), "CPU-s/op")
		})
	}
}

// processorTime is what the process has used of both cores: the clock goes on while
// others have them.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// watchHeap is the most memory that the runtime had in use until stop.
func watchHeap(stop <-chan struct{}) (most uint64) {
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse+m.StackInuse)
		select {
		case <-stop:
			return most
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// many are 500 mappings, each for a group of its own, and every fifth for a
// department as well. Those that are edited give another role.
func many(b *testing.B, groups, edited int) config {
	b.Helper()
	c := config{connections: people("okta")}
	for i := range 51 {
		c.roles = append(c.roles, policy.Role{Name: fmt.Sprint("r", i), Protected: i == 0})
	}
	for i := range 500 {
		role, department := i%50, ""
		if i < edited {
			role++
		}
		if i%5 == 0 {
			department = fmt.Sprint("d", i%20)
		}
		c.mappings = append(c.mappings, mapping(b, "okta", fmt.Sprint("m", i), fmt.Sprint("r", role), department, fmt.Sprint("Group ", i%groups)))
	}
	return c
}

// crowd fills the directory of okta.
func crowd(w *world, users, groups int) {
	d := directory.New(directory.Options{Store: w.store, Feed: w.feed, Audit: w.audit, Clock: w.Clock})
	apply := func(changes ...sdk.Change) {
		w.t.Helper()
		s := directory.Scope{Organization: "acme", Connection: "okta"}
		if _, err := d.Apply(context.Background(), directory.By{Actor: "test"}, s, changes); err != nil {
			w.t.Fatal(err)
		}
	}
	members := make([][]string, groups)
	var some []sdk.Change
	for i := range users {
		id := fmt.Sprintf("0b5c3f6e-8c1d-4a57-9f10-%012d", i)
		for k := range 10 {
			g := (i*7 + k*k*31 + k*i) % groups
			members[g] = append(members[g], id)
		}
		attributes, _ := json.Marshal(map[string]any{
			"userName": fmt.Sprintf("person.%d@acme.example", i), "active": true, "displayName": fmt.Sprint("Person ", i),
			"name":   map[string]any{"givenName": "Person", "familyName": fmt.Sprint(i), "formatted": fmt.Sprint("Person ", i)},
			"emails": []map[string]any{{"value": fmt.Sprintf("person.%d@acme.example", i), "type": "work", "primary": true}}, "title": fmt.Sprint("Title ", i%200),
			"phoneNumbers": []map[string]any{{"value": fmt.Sprint("+1 555 ", i), "type": "work"}},
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"department": fmt.Sprint("d", i%20), "costCenter": fmt.Sprint(i % 100), "employeeNumber": fmt.Sprint(i)},
		})
		if some = append(some, sdk.Create{Resource: sdk.Resource{Type: sdk.User, ID: id, ExternalID: fmt.Sprint("x", i), Attributes: attributes}}); len(some) == 1000 || i == users-1 {
			apply(some...)
			some = nil
		}
	}
	for g := range groups {
		id := fmt.Sprintf("7d0e9a52-2f3b-4c86-8a41-%012d", g)
		some = append(some, sdk.Create{Resource: group(id, fmt.Sprint("Group ", g))}, sdk.Members{Group: id, Add: members[g]})
		if len(some) >= 100 || g == groups-1 {
			apply(some...)
			some = nil
		}
	}
}
