//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/directory"
	"github.com/gatehouse-id/gatehouse/core/store"
	sdk "github.com/gatehouse-id/gatehouse/sdk/directory"
)

// userID is the id of a user who is there from the beginning: in the order in
// which they were made, as those that the plugin makes are (RFC 9562 §5.7).
func userID(i int) string {
	return fmt.Sprintf("019a216d-%04x-7%03x-a250-0242ac120002", i>>12, i&0xfff)
}

func userName(name string, i int) string { return fmt.Sprintf("%s.%06d@corp.example", name, i) }

// attributes are what Entra sends of a user, about 700 bytes.
func attributes(name string, i int) string {
	return fmt.Sprintf(`"userName":%[1]q,"active":true,"displayName":"Ida Berg %[2]d","emails":[{"primary":true,"type":"work","value":%[1]q}],`+
		`"name":{"formatted":"Ida Berg","familyName":"Berg","givenName":"Ida"},"title":"Site engineer","preferredLanguage":"en-US",`+
		`"phoneNumbers":[{"type":"work","value":"+41 31 555 01 02"},{"type":"mobile","value":"+41 79 555 01 02"}],`+
		`"addresses":[{"type":"work","streetAddress":"Main Street 1","locality":"Bern","postalCode":"3000","country":"CH"}],`+
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"%[2]d","department":"Engineering","costCenter":"CC-7"}`,
		userName(name, i), i)
}

func externalID(name string, i int) string { return fmt.Sprintf("%s-%06d", name, i) }

// newUser is the body of a creation.
func newUser(name string, i int) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":%q,%s}`,
		externalID(name, i), attributes(name, i))
}

// everybody is the group that all are in from the beginning.
const everybody = "everybody"

// populate writes so many users into a connection of a host that has not started
// yet, all of them members of one group, by the room that the host does it by.
// Their numbers begin with first.
func populate(s directory.Scope, group string, first, users int) func(ctx context.Context, dir string) error {
	return func(ctx context.Context, dir string) (err error) {
		db, err := store.Open(ctx, store.Options{URL: "sqlite://" + filepath.Join(dir, "gatehouse.db")})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		if err := db.Migrate(ctx); err != nil {
			return err
		}
		d := directory.New(directory.Options{Store: db, Feed: change.NewFeed(db, time.Now), Audit: audit.New(time.Now, rand.Reader), Clock: time.Now})
		apply := func(changes ...sdk.Change) error {
			_, err := d.Apply(ctx, directory.By{Actor: "connection:" + s.Connection}, s, changes)
			return err
		}
		all := make([]string, users)
		var some []sdk.Change
		for i := range users {
			n := first + i
			all[i] = userID(n)
			some = append(some, sdk.Create{Resource: sdk.Resource{
				Type: sdk.User, ID: all[i], ExternalID: externalID("first", n), Attributes: json.RawMessage("{" + attributes("first", n) + "}"),
			}})
			if len(some) < 1000 && i < users-1 {
				continue
			}
			if err := apply(some...); err != nil {
				return err
			}
			some = some[:0]
		}
		return apply(sdk.Create{Resource: sdk.Resource{Type: sdk.Group, ID: group, Attributes: json.RawMessage(`{"displayName":"Everybody"}`)}},
			sdk.Members{Group: group, Add: all})
	}
}

// both prepares one thing and then another.
func both(first, second func(context.Context, string) error) func(context.Context, string) error {
	return func(ctx context.Context, dir string) error {
		if err := first(ctx, dir); err != nil {
			return err
		}
		return second(ctx, dir)
	}
}

// idp sends a connection's requests.
type idp struct{ addr, token string }

// newIDP makes a token of a connection.
func (g *gatehouse) newIDP(ctx context.Context, connection string) (idp, error) {
	issued, err := g.admin.issue(ctx, connection, "/provisioning-tokens", map[string]any{"connection": connection})
	return idp{g.addr, issued.secret}, err
}

// request is one of the connection's, with a body unless it is empty.
func (p idp) request(method, target, body string) []byte {
	return fmt.Appendf(nil, "%s /scim/v2%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/scim+json\r\nContent-Length: %d\r\n\r\n%s",
		method, target, p.addr, p.token, len(body), body)
}

func (p idp) create(name string, i int) []byte {
	return p.request(http.MethodPost, "/Users", newUser(name, i))
}

func (p idp) lookUp(i int) []byte {
	return p.request(http.MethodGet, "/Users?filter=userName+eq+%22"+userName("first", i)+"%22", "")
}

func patch(operation string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operation + `]}`
}

// retitle changes one attribute of a user.
func (p idp) retitle(i int, title string) []byte {
	return p.request(http.MethodPatch, "/Users/"+userID(i), patch(fmt.Sprintf(`{"op":"Replace","path":"title","value":%q}`, title)))
}

// members changes who is in a group: op is Add or Remove.
func (p idp) members(group, op string, users ...int) []byte {
	list := make([]string, len(users))
	for i, u := range users {
		list[i] = `{"value":"` + userID(u) + `"}`
	}
	return p.request(http.MethodPatch, "/Groups/"+group, patch(`{"op":"`+op+`","path":"members","value":[`+strings.Join(list, ",")+`]}`))
}

func (p idp) newGroup(name string) []byte {
	return p.request(http.MethodPost, "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"`+name+`"}`)
}

// one sends one request and returns the body of its answer, decoded into v.
func (p idp) one(request []byte, v any) error {
	var body []byte
	o, err := load{addr: p.addr, connections: 1, next: each([][]byte{request}), answered: func(answer []byte) { body = content(answer) }}.run()
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return fmt.Errorf("%w: %s", err, body)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(body, v)
}

// content is the body of a complete answer.
func content(answer []byte) []byte {
	head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	if !strings.Contains(head, "Transfer-Encoding: chunked") {
		return []byte(body)
	}
	var all []byte
	for {
		line, rest, _ := strings.Cut(body, "\r\n")
		var size int
		if n, err := fmt.Sscanf(line, "%x", &size); n != 1 || err != nil || size == 0 || size+2 > len(rest) {
			return all
		}
		all, body = append(all, rest[:size]...), rest[size+2:]
	}
}
