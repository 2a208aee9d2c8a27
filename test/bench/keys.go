//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// adminClient makes clients and keys by the admin API over the local socket:
// by the command line, each would cost the start of a process.
type adminClient struct {
	http  *http.Client
	token string
}

// dialAdmin reads the token beside the socket in the host's data folder.
func dialAdmin(data string) (*adminClient, error) {
	token, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		return nil, err
	}
	return &adminClient{token: strings.TrimSpace(string(token)), http: &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: writers,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", filepath.Join(data, "admin.sock"))
		},
	}}}, nil
}

// key is a client's id and one of its secrets.
type key struct{ client, secret string }

// newClient makes a client with its first key.
func (a *adminClient) newClient(ctx context.Context, id, organization string, scopes []string) (key, error) {
	return a.issue(ctx, id, "/clients", map[string]any{"id": id, "organization": organization, "scopes": scopes})
}

// newKey makes a further key for a client. What is cached of the client's keys
// ends with it; its roles stay.
func (a *adminClient) newKey(ctx context.Context, client string) (key, error) {
	return a.issue(ctx, client, "/clients/"+client+"/keys", map[string]any{})
}

func (a *adminClient) issue(ctx context.Context, client, path string, in any) (key, error) {
	text, err := a.post(ctx, path, in, http.StatusCreated)
	if err != nil {
		return key{}, err
	}
	var issued struct {
		Secret string `json:"secret"`
	}
	if err := json.Unmarshal(text, &issued); err != nil || issued.Secret == "" {
		return key{}, fmt.Errorf("POST %s: the answer has no secret", path)
	}
	return key{client, issued.Secret}, nil
}

// revoke ends a key. Its id stands in the secret.
func (a *adminClient) revoke(ctx context.Context, k key) error {
	parts := strings.Split(k.secret, "_")
	if len(parts) < 3 {
		return fmt.Errorf("the secret of client %q names no key", k.client)
	}
	_, err := a.post(ctx, "/keys/"+parts[1]+"/revoke", map[string]any{}, http.StatusOK)
	return err
}

func (a *adminClient) post(ctx context.Context, path string, in any, want int) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return a.call(ctx, http.MethodPost, path, body, want)
}

// revision is that of the configuration in force.
func (a *adminClient) revision(ctx context.Context) (int64, error) {
	text, err := a.call(ctx, http.MethodGet, "/status", nil, http.StatusOK)
	if err != nil {
		return 0, err
	}
	var status struct {
		Revision int64 `json:"revision"`
	}
	if err := json.Unmarshal(text, &status); err != nil || status.Revision == 0 {
		return 0, fmt.Errorf("GET /status names no revision: %s", text)
	}
	return status.Revision, nil
}

func (a *adminClient) call(ctx context.Context, method, path string, body []byte, want int) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://gatehouse/api/admin/v1"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+a.token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := a.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != want {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	return text, nil
}

// writers is how many calls of the admin API are made at once.
const writers = 32

// many makes n keys, several at once.
func many(n int, one func(i int) (key, error)) ([]key, error) {
	keys := make([]key, n)
	errs := make([]error, writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := w; i < n; i += writers {
				if keys[i], errs[w] = one(i); errs[w] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}
