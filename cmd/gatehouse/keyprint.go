package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

// issued prints a new key with its secret: the one time that it is shown.
func (t *terminal) issued(i admin.Issued, asJSON bool) error {
	if asJSON {
		return t.printJSON(struct {
			admin.Issued
			Secret string `json:"secret"` // in place of the field that redacts itself
		}{i, i.Secret.Reveal()})
	}
	if err := t.printf("Key %s of client %s, organization %s:\n\n", i.Key.ID, i.Client.ID, i.Client.Organization); err != nil {
		return err
	}
	if err := t.fields([]field{{"client id", i.Client.ID}, {"secret", i.Secret.Reveal()}, {"expires", day(i.Key.ExpiresAt)}}); err != nil {
		return err
	}
	if err := t.printf("\n%s\n", t.warn("The secret is not shown again: store it now, where only the program reads it.")); err != nil {
		return err
	}
	for _, k := range i.Others {
		if err := t.printf("Key %s (%s) goes on until %s.\n", k.ID, k.Hint, minute(k.ExpiresAt)); err != nil {
			return err
		}
	}
	return t.try(i)
}

// try prints a request to try the key with, if it goes into headers that are
// known here: another plugin's keys may go elsewhere.
func (t *terminal) try(i admin.Issued) error {
	if kind, _, _ := strings.Cut(i.Client.Authenticator, "."); kind != "apikey" || i.PublicURL == "" {
		return nil
	}
	return t.printf("\nTry it:\n\n  curl -i -H 'X-Client-Id: %s' \\\n    -H 'X-Client-Secret: %s' \\\n    %s/\n",
		i.Client.ID, i.Secret.Reveal(), strings.TrimSuffix(i.PublicURL, "/"))
}

func (t *terminal) clients(list []admin.Client) error {
	if len(list) == 0 {
		return t.printf("There are no clients. Make one: gatehouse keys create ID --organization LABEL\n")
	}
	var rows [][]string
	for _, c := range list {
		rows = append(rows, []string{c.ID, c.Organization, c.State, c.Source, c.Authenticator, c.Name})
	}
	return t.table([]column{{title: "CLIENT"}, {title: "ORGANIZATION"}, {title: "STATE"}, {title: "SOURCE"}, {title: "AUTHENTICATOR"}, {title: "NAME", cut: true}}, rows)
}

func (t *terminal) client(c admin.ClientDetail, now time.Time) error {
	var roles, networks []string
	for _, r := range c.Roles {
		roles = append(roles, fmt.Sprintf("%s (%s)", r.Name, givenBy(r)))
	}
	rate := c.Rate
	if rate == "" {
		rate = "unlimited"
	}
	for _, n := range c.Networks {
		networks = append(networks, n.String())
	}
	if err := t.printf("%s\n", t.bold("Client "+c.ID)); err != nil {
		return err
	}
	if err := t.fields([]field{
		{"organization", c.Organization},
		{"name", c.Name},
		{"state", c.State},
		{"source", c.Source},
		{"authenticator", c.Authenticator},
		{"owner", c.Owner},
		{"roles", orNone(roles, "none of its own; mappings may give some")},
		{"scopes", orNone(c.Scopes, "whatever the roles permit")},
		{"networks", orNone(networks, "everywhere")},
		{"rate", rate},
		{"expires", relative(c.ExpiresAt, now, "never")},
	}); err != nil {
		return err
	}
	if err := t.printf("\n"); err != nil {
		return err
	}
	return t.keys(c.Keys, now)
}

func (t *terminal) keys(list []admin.Key, now time.Time) error {
	if len(list) == 0 {
		return t.printf("It has no keys.\n")
	}
	var rows [][]string
	var live []admin.Key
	for _, k := range list {
		end := relative(k.ExpiresAt, now, "never")
		switch k.State {
		case admin.KeyLive:
			live = append(live, k)
		case admin.KeyStopped:
			end = relative(k.StoppedAt, now, "")
		case admin.KeyRevoked:
			end = relative(k.RevokedAt, now, "")
		case admin.KeyExpired: // its end is when it ended
		}
		hint := k.Hint
		switch {
		case k.ForeignHash:
			hint = k.Imported + " until first use"
		case k.Imported != "":
			hint = "imported (" + k.Imported + ")"
		}
		rows = append(rows, []string{k.ID, hint, string(k.State), end, relative(k.LastUsedAt, now, "never"), k.LastUsedFrom})
	}
	columns := []column{{title: "KEY"}, {title: "HINT"}, {title: "STATE"}, {title: "ENDS"}, {title: "LAST USED"}, {title: "FROM", cut: true}}
	if err := t.table(columns, rows); err != nil {
		return err
	}
	if len(live) < 2 {
		return nil
	}
	return t.printf("\n%s\n", stillUsed(live[0], live[1], now))
}

// stillUsed says which of two live keys programs use: what somebody who rotates
// has to know before the old one goes.
func stillUsed(newer, older admin.Key, now time.Time) string {
	switch {
	case newer.LastUsedAt.IsZero() && older.LastUsedAt.IsZero():
		return "Neither of the two live keys has been used."
	case newer.LastUsedAt.IsZero():
		return fmt.Sprintf("The old key %s is still used; the new one never was.", older.ID)
	case older.LastUsedAt.Before(newer.CreatedAt):
		return fmt.Sprintf("The old key %s has not been used since the new one was made.", older.ID)
	}
	return fmt.Sprintf("Both live keys are used, the old one %s last %s.", older.ID, relative(older.LastUsedAt, now, ""))
}

func day(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format(time.DateOnly)
}

func minute(at time.Time) string {
	if at.IsZero() {
		return "it is revoked"
	}
	return at.UTC().Format("2006-01-02 15:04 UTC")
}
