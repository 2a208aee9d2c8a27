//go:build linux

package life_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// batchOf is how many members one PATCH adds or removes.
const batchOf = 50

// somebody is a user as their IdP has them. Both texts are always changed
// together.
type somebody struct {
	Title, Department string
	Active            bool
}

// writer is an IdP that does one thing after the other. It knows what its
// connection has, from what was acknowledged; of what was not, it looks which of
// the two it is, and takes no third.
type writer struct {
	t      *testing.T
	h      *gatehousetest.Host
	idp    *gatehousetest.SCIM
	label  string
	number int

	acknowledged, unsure, done atomic.Int64

	people  map[string]somebody // by userName
	ids     map[string]string   // by userName
	group   string
	members map[string]bool // ids, of those who are never deleted
	pool    []string        // ids of all who may be members
	owner   leaver          // who has a key, and is in the group of a role
}

func newWriter(t *testing.T, h *gatehousetest.Host, label, organization string) *writer {
	t.Helper()
	w := &writer{t: t, h: h, idp: h.SCIM(label), label: label, people: map[string]somebody{}, ids: map[string]string{}, members: map[string]bool{}}
	w.owner = join(h, w.idp, organization, label+"-owner")
	w.people[w.owner.name], w.ids[w.owner.name] = somebody{Active: true}, w.owner.id
	w.idp.Create("/Groups", group("Analysts", w.owner.id))
	for i := range 2 * batchOf {
		name := fmt.Sprintf("%s-member-%d", label, i)
		id := w.idp.Create("/Users", user(name))
		w.people[name], w.ids[name] = somebody{Active: true}, id
		w.pool = append(w.pool, id)
	}
	w.group = w.idp.Create("/Groups", group("Everybody"))
	return w
}

func (w *writer) write(ctx context.Context) {
	for ctx.Err() == nil && !w.t.Failed() {
		switch rand.IntN(8) {
		case 0, 1:
			w.create(ctx)
		case 2:
			w.replace(ctx)
		case 3:
			w.patch(ctx)
		case 4:
			w.toggle(ctx, w.anybody())
		case 5:
			w.toggle(ctx, w.owner.name)
		case 6:
			w.batch(ctx)
		case 7:
			w.delete(ctx)
		}
	}
}

// anybody is one of all.
func (w *writer) anybody() string {
	i := rand.IntN(len(w.people))
	for name := range w.people {
		if i--; i < 0 {
			return name
		}
	}
	return w.owner.name
}

// ask repeats a request that reads until the host can answer it.
func (w *writer) ask(path string) gatehousetest.SCIMAnswer {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.t.Context()), time.Minute)
	defer cancel()
	for {
		a, err := w.idp.Try(ctx, http.MethodGet, path, "")
		if err == nil && a.Status < 500 && a.Status != http.StatusTooManyRequests {
			return a
		}
		if ctx.Err() != nil {
			w.t.Errorf("%s: GET %s is not answered: %v, %d %s", w.label, path, err, a.Status, a.Text)
			return a
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// try sends one write. It reports whether it was acknowledged; whatever refuses
// it for good is wrong.
func (w *writer) try(ctx context.Context, method, path, body string) (gatehousetest.SCIMAnswer, bool) {
	a, err := w.idp.Try(context.WithoutCancel(ctx), method, path, body)
	switch {
	case err != nil || a.Status >= 500:
		w.unsure.Add(1)
		return a, false
	case a.Status/100 != 2:
		w.t.Errorf("%s: %s %s: %d %s", w.label, method, path, a.Status, a.Text)
		return a, false
	}
	w.acknowledged.Add(1)
	return a, true
}

// found is the truth about one user.
func (w *writer) found(name string) (id string, s somebody, there bool) {
	a := w.ask("/Users?filter=" + url.QueryEscape(fmt.Sprintf("userName eq %q", name)))
	list, _ := a.Body["Resources"].([]any)
	if a.Status != http.StatusOK || len(list) > 1 {
		w.t.Errorf("%s: looking for %s: %d %s", w.label, name, a.Status, a.Text)
	}
	if len(list) == 0 {
		return "", somebody{}, false
	}
	id, _, s = asSomebody(list[0])
	return id, s, true
}

func asSomebody(v any) (id, name string, s somebody) {
	o, _ := v.(map[string]any)
	id, _ = o["id"].(string)
	name, _ = o["userName"].(string)
	s.Title, _ = o["title"].(string)
	s.Active, _ = o["active"].(bool)
	extension, _ := o["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"].(map[string]any)
	s.Department, _ = extension["department"].(string)
	return id, name, s
}

// settle takes over what became of a change of one user that may not have been
// done: what was before, or what was to be, and nothing else.
func (w *writer) settle(name string, before, after somebody, acknowledged bool) {
	if acknowledged {
		w.people[name] = after
		return
	}
	_, now, there := w.found(name)
	if !there || now != before && now != after {
		w.t.Errorf("%s: %s is %+v (there: %v), was %+v, and was to be %+v", w.label, name, now, there, before, after)
	}
	if now == after && before != after {
		w.done.Add(1)
	}
	w.people[name] = now
}

func (w *writer) text() string {
	w.number++
	return fmt.Sprint("number ", w.number)
}

func document(name string, s somebody) string {
	return fmt.Sprintf(`{"schemas":[%q,%q],"userName":%q,"externalId":%q,"active":%v,"title":%q,%q:{"department":%q}}`,
		userSchema, enterprise, name, "ext-"+name, s.Active, s.Title, enterprise, s.Department)
}

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

func (w *writer) create(ctx context.Context) {
	text := w.text()
	name, s := fmt.Sprintf("%s-new-%d", w.label, w.number), somebody{text, text, true}
	a, ok := w.try(ctx, http.MethodPost, "/Users", document(name, s))
	if ok {
		w.people[name], w.ids[name] = s, fmt.Sprint(a.Body["id"])
		return
	}
	id, now, there := w.found(name)
	if !there {
		return
	}
	if now != s {
		w.t.Errorf("%s: %s is half there: %+v instead of %+v", w.label, name, now, s)
	}
	w.done.Add(1)
	w.people[name], w.ids[name] = now, id
}

func (w *writer) replace(ctx context.Context) {
	name, text := w.anybody(), w.text()
	before := w.people[name]
	after := somebody{text, text, before.Active}
	_, ok := w.try(ctx, http.MethodPut, "/Users/"+w.ids[name], document(name, after))
	w.settle(name, before, after, ok)
}

func (w *writer) patch(ctx context.Context) {
	name, text := w.anybody(), w.text()
	before := w.people[name]
	after := somebody{text, text, before.Active}
	_, ok := w.try(ctx, http.MethodPatch, "/Users/"+w.ids[name], patch(
		fmt.Sprintf(`{"op":"replace","path":"title","value":%q}`, text), fmt.Sprintf(`{"op":"replace","path":"%s:department","value":%q}`, enterprise, text)))
	w.settle(name, before, after, ok)
}

// toggle lets somebody leave or come back. Whoever has left has no key that works.
func (w *writer) toggle(ctx context.Context, name string) {
	before := w.people[name]
	after := before
	after.Active = !before.Active
	_, ok := w.try(ctx, http.MethodPatch, "/Users/"+w.ids[name], patch(fmt.Sprintf(`{"op":"replace","path":"active","value":%v}`, after.Active)))
	w.settle(name, before, after, ok)
	if name != w.owner.name || w.people[name].Active {
		return
	}
	if status, text, err := call(context.WithoutCancel(ctx), w.h, w.owner.key); err == nil && status == accepted {
		w.t.Errorf("%s: who has left came in: %s", w.label, text)
	}
}

func (w *writer) delete(ctx context.Context) {
	name := w.anybody()
	if !strings.Contains(name, "-new-") {
		return
	}
	if _, ok := w.try(ctx, http.MethodDelete, "/Users/"+w.ids[name], ""); !ok {
		if _, now, there := w.found(name); there {
			if now != w.people[name] {
				w.t.Errorf("%s: %s is half gone: %+v instead of %+v", w.label, name, now, w.people[name])
			}
			return
		}
		w.done.Add(1)
	}
	delete(w.people, name)
	delete(w.ids, name)
}

// batch adds or removes many members at once: all of them, or none.
func (w *writer) batch(ctx context.Context) {
	op, after := "add", map[string]bool{}
	for id := range w.members {
		after[id] = true
	}
	if len(w.members) > batchOf/2 {
		op = "remove"
	}
	var values []string
	for _, i := range rand.Perm(len(w.pool))[:batchOf] {
		values = append(values, fmt.Sprintf(`{"value":%q}`, w.pool[i]))
		if op == "add" {
			after[w.pool[i]] = true
		} else {
			delete(after, w.pool[i])
		}
	}
	_, ok := w.try(ctx, http.MethodPatch, "/Groups/"+w.group, patch(fmt.Sprintf(`{"op":%q,"path":"members","value":[%s]}`, op, strings.Join(values, ","))))
	if !ok {
		now := w.inGroup()
		if !cmp.Equal(now, w.members) && !cmp.Equal(now, after) {
			w.t.Errorf("%s: a change of %d members was half done: %d are in, %d were, %d were to be", w.label, batchOf, len(now), len(w.members), len(after))
		}
		if cmp.Equal(now, after) && !cmp.Equal(after, w.members) {
			w.done.Add(1)
		}
		after = now
	}
	w.members = after
}

func (w *writer) inGroup() map[string]bool {
	a := w.ask("/Groups/" + w.group)
	in := map[string]bool{}
	list, _ := a.Body["members"].([]any)
	for _, m := range list {
		member, _ := m.(map[string]any)
		in[fmt.Sprint(member["value"])] = true
	}
	return in
}

// compare holds all that is there against what was acknowledged.
func (w *writer) compare(ctx context.Context) {
	w.t.Helper()
	got := map[string]somebody{}
	var total float64
	for start := 1; ; {
		a := w.ask(fmt.Sprintf("/Users?startIndex=%d&count=200", start))
		total, _ = a.Body["totalResults"].(float64) // the same on every page
		list, _ := a.Body["Resources"].([]any)
		for _, v := range list {
			_, name, s := asSomebody(v)
			got[name] = s
		}
		if start += len(list); len(list) == 0 || ctx.Err() != nil {
			break
		}
	}
	if diff := cmp.Diff(w.people, got); diff != "" {
		w.t.Errorf("%s: (-acknowledged +there)\n%s", w.label, diff)
	}
	if int(total) != len(got) {
		w.t.Errorf("%s: totalResults is %v, and there are %d", w.label, total, len(got))
	}
	if diff := cmp.Diff(w.members, w.inGroup()); diff != "" {
		w.t.Errorf("%s: members (-acknowledged +there)\n%s", w.label, diff)
	}
	if w.people[w.owner.name].Active {
		return
	}
	if status, text, err := call(ctx, w.h, w.owner.key); err != nil || status == accepted {
		w.t.Errorf("%s: the key of who has left: %v %s", w.label, err, text)
	}
}
