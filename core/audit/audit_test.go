package audit_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/store"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 123456000, time.UTC)

func fixed() *audit.Log { return audit.New(func() time.Time { return noon }, rand.Reader) }

func add(t *testing.T, s *store.Store, l *audit.Log, r audit.Record) {
	t.Helper()
	if err := s.Write(t.Context(), func(tx *store.Tx) error { return l.Append(t.Context(), tx, r) }); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, s *store.Store, l *audit.Log, q audit.Query) (entries []audit.Entry) {
	t.Helper()
	err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
		entries, err = l.List(t.Context(), tx, q)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func exec(t *testing.T, s *store.Store, query string, args ...any) {
	t.Helper()
	if err := s.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestARecordComesBackAsItWasWritten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := fixed()
		add(t, s, l, audit.Record{Action: audit.KeyIssued, Actor: "admin:root", Organization: "acme", Subject: "my-tenant",
			TraceID: "t1", Before: nil, After: map[string]any{"name": "Zoë <b>\u0000", "n": 1}})
		got := list(t, s, l, audit.Query{})
		if len(got) != 1 || got[0].Action != audit.KeyIssued || !got[0].At.Equal(noon) || got[0].ID == "" {
			t.Fatalf("entries %+v", got)
		}
		if err := got[0].Verify(); err != nil {
			t.Error(err)
		}
		p := got[0].Payload
		want := []string{"admin:root", "acme", "my-tenant", "t1", "", `{"n":1,"name":"Zoë \u003cb\u003e\u0000"}`}
		if diff := cmp.Diff(want, []string{p.Actor, p.Organization, p.Subject, p.TraceID, string(p.Before), string(p.After)}); diff != "" {
			t.Errorf("payload (-want +got):\n%s", diff)
		}
	})
}

// The bytes are a contract with whoever verifies the log in ten years.
func TestCanonicalBytesAndLeaf(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	l := audit.New(func() time.Time { return noon }, zeros{})
	add(t, s, l, audit.Record{Action: audit.ClientCreated, Actor: "a", Organization: "o", Subject: "c"})
	e := list(t, s, l, audit.Query{})[0]
	raw := `{"actor":"a","organization":"o","subject":"c"}`
	hash := sha256.Sum256([]byte(strings.Repeat("\x00", 16) + raw))
	want := fmt.Sprintf(`{"v":1,"id":"0000000000000000000000","at":1795608000123456,"action":"client.created","payload":"%x"}`, hash)
	if string(e.Canonical) != want {
		t.Errorf("canonical\n%s, want\n%s", e.Canonical, want)
	}
	leaf := sha256.Sum256([]byte("\x00" + want)) // RFC 6962 section 2.1: MTH({d(0)}) = SHA-256(0x00 || d(0))
	if !bytes.Equal(e.Leaf, leaf[:]) {
		t.Errorf("leaf %x, want %x", e.Leaf, leaf)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAnErasedPayloadLeavesTheProof(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := fixed()
		person := audit.Record{Action: audit.GrantGiven, Actor: "ana@acme.example", Organization: "acme", Subject: "ana", After: "admin"}
		add(t, s, l, person)
		add(t, s, l, audit.Record{Action: audit.ConfigTaken, Actor: "host"})
		erased := list(t, s, l, audit.Query{Organization: "acme"})[0]
		exec(t, s, `DELETE FROM audit_payload WHERE audit_id = $1`, erased.ID)
		left := list(t, s, l, audit.Query{})
		if len(left) != 2 || left[1].Payload != nil || left[0].Payload == nil {
			t.Fatalf("entries %+v", left)
		}
		for _, e := range left {
			if err := e.Verify(); err != nil {
				t.Error(err)
			}
		}
		if all := fmt.Sprintf("%s %s", left[1].ID, left[1].Canonical); strings.Contains(all, "ana") || strings.Contains(all, "acme") {
			t.Errorf("the proof still tells of the person: %s", all)
		}
		// Without the salt the same payload does not confirm itself.
		if guess := sha256.Sum256(erased.Payload.Raw); bytes.Contains(left[1].Canonical, fmt.Appendf(nil, "%x", guess)) {
			t.Error("the payload's hash is not salted")
		}
	})
}

func TestWhatWasAlteredDoesNotVerify(t *testing.T) {
	attacks := map[string]string{
		"another time":      `UPDATE audit SET at = at + 1`,
		"another action":    `UPDATE audit SET action = 'client.deleted'`,
		"another id":        `UPDATE audit SET id = 'x'`,
		"another payload":   `UPDATE audit_payload SET payload = '{"actor":"mallory"}'`,
		"another salt":      `UPDATE audit_payload SET salt = leaf FROM audit`,
		"another leaf":      `UPDATE audit SET leaf = canonical`,
		"another canonical": `UPDATE audit SET canonical = leaf`,
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storetest.Open(t, storetest.SQLite(t)) // what it tests is the same on both
			l := fixed()
			add(t, s, l, audit.Record{Action: audit.ClientCreated, Actor: "admin"})
			if name == "another id" { // its payload would stop it
				exec(t, s, `DELETE FROM audit_payload`)
			}
			exec(t, s, attack)
			if err := list(t, s, l, audit.Query{})[0].Verify(); !errors.Is(err, audit.ErrNotProved) {
				t.Errorf("Verify: %v", err)
			}
		})
	}
}

func TestARecordThatCannotBeWrittenStopsTheChange(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	tests := map[string]struct {
		log    *audit.Log
		record audit.Record
	}{
		"an unknown action":           {fixed(), audit.Record{Action: "coffee.made"}},
		"a value that cannot be told": {fixed(), audit.Record{Action: audit.KeyIssued, After: func() {}}},
		"no randomness":               {audit.New(time.Now, iotest.ErrReader(io.ErrUnexpectedEOF)), audit.Record{Action: audit.KeyIssued}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := s.Write(t.Context(), func(tx *store.Tx) error {
				if _, err := tx.Exec(t.Context(), `INSERT INTO write_probe (id, writes) VALUES ($1, 1)`, name); err != nil {
					return err
				}
				return tt.log.Append(t.Context(), tx, tt.record)
			})
			if err == nil {
				t.Error("the change went through")
			}
		})
	}
	if n := len(list(t, s, fixed(), audit.Query{})); n != 0 {
		t.Errorf("%d records", n)
	}
}

func TestSecretsDoNotReachTheLog(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := fixed()
		made, err := secret.New(rand.Reader, "ghk", "K1")
		if err != nil {
			t.Fatal(err)
		}
		type issued struct {
			Secret secret.Text
			List   []secret.Text
			Any    any
			Ptr    *secret.Text
			Pasted string
		}
		v := issued{made, []secret.Text{made}, map[string]any{"x": made}, &made, "my key:\n" + made.Reveal() + "andmore"}
		add(t, s, l, audit.Record{Action: audit.KeyIssued, Before: v, After: map[secret.Text]issued{made: v}})
		p := list(t, s, l, audit.Query{})[0].Payload
		if strings.Contains(string(p.Raw), made.Reveal()) {
			t.Errorf("the secret stands in %s", p.Raw)
		}
		if !strings.Contains(string(p.Raw), "[redacted]") {
			t.Errorf("nothing was said of it in %s", p.Raw)
		}
	})
}

func TestListByCursor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := fixed()
		for i := range 7 {
			org := []string{"acme", "globex"}[i%2]
			add(t, s, l, audit.Record{Action: audit.ClientUpdated, Organization: org, Subject: fmt.Sprint(i)})
		}
		pages := func(org string) (subjects []string) {
			q := audit.Query{Organization: org, Limit: 2}
			for {
				page := list(t, s, l, q)
				if len(page) == 0 {
					return subjects
				}
				for _, e := range page {
					subjects = append(subjects, e.Payload.Subject)
				}
				q.Before = page[len(page)-1].Seq
			}
		}
		if diff := cmp.Diff([]string{"6", "5", "4", "3", "2", "1", "0"}, pages("")); diff != "" {
			t.Errorf("all (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"5", "3", "1"}, pages("globex")); diff != "" {
			t.Errorf("one organization's (-want +got):\n%s", diff)
		}
	})
}
