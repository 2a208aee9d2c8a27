//go:build linux

package soak_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
)

const query = `{"query":"q","provider":"p","model":"m"}`

// headers are a client's id and secret, and where it says to come from.
func headers(r *rand.Rand, network, id, secret string) http.Header {
	return http.Header{
		"X-Client-Id": {id}, "X-Client-Secret": {secret}, "X-Forwarded-For": {fmt.Sprintf("%s.%d.%d", network, r.IntN(256), 1+r.IntN(254))},
	}
}

// send sends a request to the application through the host, or has the host
// asked about it by a proxy.
func (s *soak) send(ctx context.Context, method, path string, header http.Header, asked bool) (status int, body string, err error) {
	url, text := s.URL+path, ""
	if method == http.MethodPost {
		text = query
	}
	if asked {
		header.Set("X-Forwarded-Method", method)
		header.Set("X-Forwarded-Uri", path)
		url, text, method = s.URL+"/auth/check", "", http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(text))
	if err != nil {
		return 0, "", err
	}
	req.Header = header
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	all, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(all), err
}

// call makes requests of every kind until ctx ends.
func (s *soak) call(ctx context.Context, r *rand.Rand) {
	const execute = "/api/v1/query/execute"
	for ctx.Err() == nil {
		time.Sleep(time.Duration(r.IntN(6)) * time.Millisecond)
		asked, k, began := r.IntN(3) == 0, s.ledger.good(r), time.Now()
		whole := context.WithoutCancel(ctx) // the last one is answered too
		switch n := r.IntN(20); {
		case n < 10 && k != nil:
			status, body, err := s.send(whole, http.MethodPost, execute, headers(r, "198.18", k.client, k.secret), asked)
			s.count(&s.passed, s.judgeGood(k, began, status, body, err, !asked))
		case n < 13:
			header := http.Header{"Authorization": {"Bearer " + s.issuer.token()}}
			status, body, err := s.send(whole, http.MethodGet, "/api/v1/whoami", header, asked)
			s.count(&s.passed, s.judge("a token of the plugin that is exchanged is accepted", began, status, body, err, http.StatusOK))
		case n < 15 && k != nil:
			status, body, err := s.send(whole, http.MethodPost, execute, headers(r, "100.64", k.client, s.wrong(r, k)), asked)
			s.count(&s.refused, s.judge("a wrong secret is refused", began, status, body, err, http.StatusUnauthorized))
		case n < 16 && k != nil:
			status, body, err := s.send(whole, http.MethodPost, execute, headers(r, "100.64", fmt.Sprintf("nobody-%d", r.IntN(1e9)), k.secret), asked)
			s.count(&s.refused, s.judge("an unknown client is refused", began, status, body, err, http.StatusUnauthorized))
		default:
			if k = s.ledger.revoked(r); k == nil {
				continue
			}
			status, body, err := s.send(whole, http.MethodPost, execute, headers(r, "100.65", k.client, k.secret), asked)
			s.count(&s.refused, s.judge("no revoked key is accepted", began, status, body, err, http.StatusUnauthorized))
		}
	}
}

// wrong is a secret of the right form that is another's.
func (s *soak) wrong(r *rand.Rand, k *key) string {
	if other := s.ledger.good(r); other != nil && other.client != k.client {
		return other.secret
	}
	return "wrong"
}

// judge compares a decision with the one that is right. Without a decision there
// must have been an outage. It reports whether there was one.
func (s *soak) judge(invariant string, began time.Time, status int, body string, err error, want int) bool {
	switch {
	case err == nil && status == want:
		return true
	case (err != nil || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout) && s.outage.excuses(began):
		return false
	case status == http.StatusTooManyRequests && want == http.StatusUnauthorized:
		return true
	}
	s.violated(invariant, "status %d, want %d: %v %s", status, want, err, body)
	return false
}

func (s *soak) judgeGood(k *key, began time.Time, status int, body string, err error, proxied bool) bool {
	if s.ledger.state(k) != live { // it was revoked meanwhile
		return false
	}
	if !s.judge("no good key is refused", began, status, body, err, http.StatusOK) {
		return false
	}
	if proxied && !strings.Contains(body, fmt.Sprintf(`"subject":%q`, k.client)) {
		s.violated("everybody is who they are", "%s is taken for somebody else: %s", k.client, body)
	}
	return true
}

// stream holds event streams and WebSockets open for a while each.
func (s *soak) stream(ctx context.Context, r *rand.Rand) {
	for ctx.Err() == nil {
		k := s.ledger.good(r)
		if k == nil {
			continue
		}
		open, began := s.events, time.Now()
		if r.IntN(2) == 0 {
			open = s.echo
		}
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		err := open(limited, headers(r, "198.18", k.client, k.secret), 1+r.IntN(4))
		cancel()
		switch {
		case err == nil:
			s.streams.Add(1)
		case s.ledger.state(k) != live, s.outage.excuses(began):
		default:
			s.violated("no stream of a good key ends", "%v", err)
			time.Sleep(time.Second)
		}
	}
}

func (s *soak) events(ctx context.Context, header http.Header, want int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/v1/events", http.NoBody)
	if err != nil {
		return err
	}
	req.Header = header
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for n := 0; n < want && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "id: ") {
			n++
		} else if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d: %s", resp.StatusCode, lines.Text())
		}
		if n == want {
			return nil
		}
	}
	return fmt.Errorf("the event stream (status %d) ended: %w", resp.StatusCode, io.ErrUnexpectedEOF)
}

func (s *soak) echo(ctx context.Context, header http.Header, want int) error {
	conn, _, err := websocket.Dial(ctx, s.URL+"/api/v1/echo", &websocket.DialOptions{HTTPHeader: header, HTTPClient: s.client})
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	for n := range want * 5 {
		text := fmt.Sprint("message ", n)
		if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			return err
		}
		if _, got, err := conn.Read(ctx); err != nil || string(got) != text {
			return fmt.Errorf("sent %q, got %q: %w", text, got, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

// change makes, rotates and revokes keys until ctx ends.
func (s *soak) change(ctx context.Context, r *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		time.Sleep(time.Duration(20+r.IntN(200)) * time.Millisecond)
		began := time.Now()
		if err := s.changeOne(context.WithoutCancel(ctx), r); err == nil {
			s.changes.Add(1)
		} else if !s.outage.excuses(began) {
			s.violated("every change is acknowledged", "%v", err)
		}
	}
}

func (s *soak) changeOne(ctx context.Context, r *rand.Rand) error {
	host, err := s.admin(ctx)
	if err != nil {
		return err
	}
	client, all := "", []*key(nil)
	if r.IntN(5) > 1 && s.made > 0 { // two of five make a client
		client, all = s.ledger.pick(r)
	}
	if s.unsure[client] { // it may have a key that nobody was told of, or that was not revoked
		all = nil
	}
	var issued admin.Issued
	switch {
	case len(all) == 0:
		s.made++
		issued, err = host.CreateClient(ctx, admin.NewClient{ID: fmt.Sprintf("soak-%d", s.made), Organization: "acme", Authenticator: "apikey", Roles: []string{"analyst"}})
	case len(all) == 2 || r.IntN(2) == 0:
		err := s.end(all[0], func() error { _, err := host.RevokeKey(ctx, all[0].id, admin.Revocation{Reason: "soak"}); return err })
		if err != nil {
			s.unsure[client] = true
		}
		return err
	case r.IntN(2) == 0:
		issued, err = host.CreateKey(ctx, client, admin.NewKey{})
	default:
		now := admin.Duration(0)
		err = s.end(all[0], func() (err error) {
			issued, err = host.RotateKey(ctx, client, admin.Rotation{Overlap: &now})
			return err
		})
	}
	if err != nil {
		s.unsure[client] = true
		return err
	}
	s.ledger.issued(issued.Client.ID, issued.Key.ID, issued.Secret.Reveal())
	return nil
}

// end has a key end; afterwards it is dead, or nobody knows.
func (s *soak) end(k *key, how func() error) error {
	s.ledger.set(k, ending)
	if err := how(); err != nil {
		s.ledger.set(k, doubtful)
		return err
	}
	s.ledger.set(k, dead)
	return nil
}

// acknowledged asks the admin API and the door about all that was acknowledged.
// Of what has an unknown outcome they have to say the same.
func (s *soak) acknowledged(ctx context.Context, r *rand.Rand) {
	host, err := s.admin(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	known := map[string]admin.KeyState{}
	for _, client := range s.ledger.clients {
		detail, err := host.Client(ctx, client)
		if err != nil {
			s.violated("nothing acknowledged is lost", "client %s: %v", client, err)
		}
		for _, k := range detail.Keys {
			known[k.ID] = k.State
		}
	}
	for _, k := range s.ledger.all() {
		want, is := http.StatusUnauthorized, known[k.id] == admin.KeyLive
		if is {
			want = http.StatusOK
		}
		status, body, err := s.send(ctx, http.MethodPost, "/api/v1/query/execute", headers(r, "198.19", k.client, k.secret), false)
		if k.state != doubtful && is != (k.state == live) || err != nil || status != want {
			s.violated("nothing acknowledged is lost", "key %s of %s: acknowledged as live: %v; the API says %q, the door %d: %v %s", k.id, k.client, k.state == live, known[k.id], status, err, body)
		}
	}
	s.t.Logf("%d clients with %d keys were compared with what was acknowledged", len(s.ledger.clients), len(known))
}
