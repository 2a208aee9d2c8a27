//go:build linux

package hostile_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-id/gatehouse/test/gatehousetest"
)

// said is what the host said to a question that a request has the impostor ask.
func said(t *testing.T, idp *gatehousetest.SCIM, what string, with ...string) string {
	t.Helper()
	a, err := lie(t, idp, what, with...)
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("%s %q: %v, status %d: %s", what, with, err, a.Status, a.Text)
	}
	text, err := strconv.Unquote(a.Text)
	if err != nil {
		t.Fatalf("%s %q: %v in %s", what, with, err, a.Text)
	}
	return text
}

const worked = "it worked"

func TestImpostorAsksTheDirectory(t *testing.T) {
	t.Parallel()
	b := besiege(t, "shared")
	// What it may, it can: else nothing below would prove anything.
	for _, question := range [][]string{{"create", "id", "own"}, {"find", "id", "own"}, {"create-group", "id", "own-group"}, {"join", "id", "own", "group", "own-group"}, {"members", "id", "own-group"}} {
		if text := said(t, b.liar, question[0], question[1:]...); text != worked {
			t.Fatalf("%q: %s", question, text)
		}
	}
	defer b.unharmed(t)()
	if text := said(t, b.liar, "keep"); text != worked {
		t.Fatal(text)
	}
	for name, c := range map[string]struct {
		question []string
		says     string
	}{
		"with the handle of a request that is over":        {[]string{"find", "id", "own", "kept", ""}, "PermissionDenied"},
		"to change with the handle of one that is over":    {[]string{"delete", "type", "User", "id", "own", "kept", ""}, "PermissionDenied"},
		"for members with the handle of one that is over":  {[]string{"members", "id", "own-group", "kept", ""}, "PermissionDenied"},
		"with a handle that nobody has":                    {[]string{"find", "id", "own", "handle", strings.Repeat("A", 22)}, "PermissionDenied"},
		"with a handle that cannot be":                     {[]string{"find", "id", "own", "handle", "' OR 1=1"}, "PermissionDenied"},
		"with more in a message than there can be":         {[]string{"one-large-message"}, "ResourceExhausted"},
		"with more in all messages than there can be":      {[]string{"large-messages"}, "ResourceExhausted"},
		"with more changes than there can be":              {[]string{"thousand-changes"}, "ResourceExhausted"},
		"with a million members":                           {[]string{"million-members", "id", "own-group"}, "ResourceExhausted"},
		"with a change that does not end":                  {[]string{"cut-short", "id", "own-group"}, "InvalidArgument"},
		"with a second handle in the middle":               {[]string{"two-handles"}, "InvalidArgument"},
		"with an id that exists, of its own":               {[]string{"create", "id", "own"}, "AlreadyExists"},
		"for a type that there is not":                     {[]string{"delete", "type", "Organization", "id", "acme"}, "NotFound"},
		"with more unfinished than the host holds at once": {[]string{"unfinished"}, "NotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			if text := said(t, b.liar, c.question[0], c.question[1:]...); !strings.Contains(text, c.says) {
				t.Errorf("the host said %q, want %q", text, c.says)
			}
		})
	}
	for connection := range b.idps {
		for name, question := range map[string][]string{
			"find":         {"find", "id", b.user[connection]},
			"members":      {"members", "id", b.group[connection]},
			"replace":      {"replace", "id", b.user[connection]},
			"delete":       {"delete", "type", "User", "id", b.user[connection]},
			"delete group": {"delete", "type", "Group", "id", b.group[connection]},
			"create":       {"create", "id", b.user[connection]},
			"join":         {"join", "id", b.user[connection], "group", "own-group"},
			"lead":         {"join", "id", "own", "group", b.group[connection]},
			"both":         {"join", "id", b.user[connection], "group", b.group[connection]},
		} {
			t.Run(name+" of "+connection, func(t *testing.T) {
				if text := said(t, b.liar, question[0], question[1:]...); text == worked || strings.Contains(text, "jane") {
					t.Errorf("the host said %q", text)
				}
			})
		}
	}
}

// Where each instance has a process of its own, the handle of another's request is
// of no use, also while that is under way.
func TestImpostorsApart(t *testing.T) {
	t.Parallel()
	b := besiege(t, "dedicated")
	if text := said(t, b.other, "create", "id", "theirs"); text != worked {
		t.Fatal(text)
	}
	defer b.unharmed(t)()
	handle, held := hold(t, b.other)
	for _, question := range [][]string{{"find", "id", "theirs"}, {"delete", "type", "User", "id", "theirs"}, {"create", "id", "planted"}, {"members", "id", b.group["globex-okta"]}} {
		if text := said(t, b.liar, question[0], append(question[1:], "handle", handle)...); !strings.Contains(text, "PermissionDenied") {
			t.Errorf("%q with another's handle: %s", question, text)
		}
	}
	if a, err := lie(t, b.liar, "for-another", "handle", handle); err != nil || a.Status != http.StatusServiceUnavailable {
		t.Errorf("an answer to another's request: %v, status %d: %s", err, a.Status, a.Text)
	}
	if text := said(t, b.other, "find", "id", "theirs", "handle", handle); text != worked {
		t.Errorf("the other's request was to be under way: %s", text)
	}
	if more := strings.TrimSpace(held()); more != "" {
		t.Errorf("the other's answer went on with %.200q", more)
	}
}

// hold begins a request that the impostor does not end, and returns its handle;
// the end of it, what else was answered.
func hold(t *testing.T, idp *gatehousetest.SCIM) (handle string, end func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, idp.URL+"/hold", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+idp.Token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	text := make([]byte, 22)
	if _, err := io.ReadFull(resp.Body, text); err != nil {
		t.Fatal(err)
	}
	return string(text), func() string {
		cancel()
		more, err := io.ReadAll(resp.Body)
		if err == nil {
			t.Error("the answer that was held looks whole")
		}
		return string(more)
	}
}
