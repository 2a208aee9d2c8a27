package signon

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/core/keyring"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// flow is a sign-on, or a sign-out, that is at the IdP now.
type flow struct {
	Relay      string        `json:"r"` // what the IdP hands back
	Instance   string        `json:"i"`
	Connection string        `json:"c"`
	Return     string        `json:"t"` // where the browser goes in the end: a path of ours
	State      []byte        `json:"s,omitempty"`
	Fresh      bool          `json:"f,omitempty"`
	MaxAge     time.Duration `json:"m,omitempty"`
	Factors    bool          `json:"n,omitempty"` // more than one was asked for
	Logout     bool          `json:"l,omitempty"`
	Begun      time.Time     `json:"b"`
}

// flowLife is how long somebody may take at the IdP.
const flowLife = 15 * time.Minute

// The cookie of a flow is named by the beginning of its relay: two tabs have two.
// With the prefix no other host and no other path can plant one (RFC 6265bis
// §4.1.3.2).
const (
	flowCookie = "__Host-gatehouse-signon-"
	flowName   = 8           // characters of the relay that name it
	flowsMost  = 6           // of one browser; beyond it the others are taken away
	valueMost  = 4<<10 - 200 // bytes of one: a browser keeps 4 KiB at least, with name and attributes (RFC 6265 §6.1)
)

// relayLength is how many characters a relay has: a letter, and 190 random bits in
// base62.
const relayLength = 1 + 32

func (s *SignOn) newRelay() (string, error) { return secret.NewID(s.Random, "R", relayLength-1) }

func nameOf(relay string) string { return flowCookie + relay[:flowName] }

// keep gives a flow to the browser. Where it does not fit into a cookie, the long
// address that somebody wanted to go to is forgotten, rather than that they cannot
// sign on.
func (s *SignOn) keep(w http.ResponseWriter, r *http.Request, f flow) error {
	value, err := s.sealFlow(f)
	if err == nil && len(value) > valueMost && f.Return != "/" {
		f.Return = "/"
		value, err = s.sealFlow(f)
	}
	if err != nil {
		return err
	}
	if len(value) > valueMost {
		return fmt.Errorf("the plugin of %q keeps %d bytes of a sign-on, which no browser does", f.Instance, len(f.State))
	}
	others := 0
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, flowCookie) {
			if others++; others >= flowsMost {
				s.drop(w, c.Name)
			}
		}
	}
	http.SetCookie(w, &http.Cookie{
		Name: nameOf(f.Relay), Value: value, Path: "/", MaxAge: int(flowLife / time.Second), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return nil
}

func (*SignOn) drop(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (s *SignOn) sealFlow(f flow) (value string, err error) {
	plain, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	sealed, err := s.Sealer.Seal(keyring.SignOn, []byte("flow"), plain)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// flow finds the flow of a relay that this browser has begun. That it is sealed
// says that we made it; that it is in this browser, who began it.
func (s *SignOn) flow(r *http.Request, relay string) (flow, bool) {
	if len(relay) != relayLength {
		return flow{}, false
	}
	for _, c := range r.Cookies() {
		if c.Name != nameOf(relay) {
			continue
		}
		sealed, err := base64.RawURLEncoding.DecodeString(c.Value)
		if err != nil {
			continue
		}
		plain, err := s.Sealer.Unseal(keyring.SignOn, []byte("flow"), sealed)
		if err != nil {
			continue
		}
		var f flow
		if json.Unmarshal(plain, &f) == nil && secret.Text(f.Relay).Equal(secret.Text(relay)) && s.Clock().Before(f.Begun.Add(flowLife)) {
			return f, true
		}
	}
	return flow{}, false
}

// local makes of a return address a path of this host, "/" where it is none. A
// browser takes //host, /\host and a backslash for another host, and drops tabs and
// line ends before it looks.
func local(address string) string {
	const most = 2 << 10
	if len(address) > most || !strings.HasPrefix(address, "/") || strings.HasPrefix(address, "//") || strings.ContainsAny(address, "\\#") {
		return "/"
	}
	for _, r := range address {
		if r < 0x21 || r > 0x7e {
			return "/"
		}
	}
	path, _, _ := strings.Cut(address, "?")
	if path == handoverPath || path == "/.gatehouse"+handoverPath {
		return address // it begins nothing, and leads to a host of ours
	}
	for _, ours := range []string{"/login", "/logout", "/sso/", "/.gatehouse/login", "/.gatehouse/logout", "/.gatehouse/sso/"} {
		if path == ours || strings.HasSuffix(ours, "/") && strings.HasPrefix(path, ours) {
			return "/" // it would begin again, or end what has begun
		}
	}
	return address
}
