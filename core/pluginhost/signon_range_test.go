package pluginhost_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-id/gatehouse/core/pluginhost"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// rawRequest is a request to a host service that no SDK has looked at.
type rawRequest struct {
	method  string
	message proto.Message
}

// ask has the liar ask with a handle, "own" or "kept" ones or any other, and
// returns what the host said.
func (r rawRequest) ask(t testing.TB, p *pluginhost.People, handle string) authn.Denied {
	t.Helper()
	bytes, err := proto.Marshal(r.message)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Complete(t.Context(), authn.CompleteRequest{Incoming: authn.Incoming{RawQuery: "ask " + r.method + " " + handle, Body: bytes}})
	denied := (*authn.Denied)(nil)
	if !errors.As(err, &denied) {
		t.Fatalf("%s: %v", r.method, err)
	}
	return *denied
}

func rawTake(kind, id string, until int64) rawRequest {
	return rawRequest{"OnceService/Take", &hostv1.TakeRequest{Kind: kind, Id: id, UntilUnix: until}}
}

func rawSave(name string, size int) rawRequest {
	return rawRequest{"StateService/Save", &hostv1.SaveRequest{Name: name, Blob: make([]byte, size)}}
}

func rawSign(key, algorithm string, digest int) rawRequest {
	return rawRequest{"KeysService/Sign", &hostv1.SignRequest{KeyId: key, Algorithm: algorithm, Digest: make([]byte, digest)}}
}

func rawDecrypt(key, hash, mask string, label, ciphertext int) rawRequest {
	return rawRequest{"KeysService/Decrypt", &hostv1.DecryptRequest{
		KeyId: key, Hash: hash, MaskHash: mask, Label: make([]byte, label), Ciphertext: make([]byte, ciphertext),
	}}
}

// rawRequests are one of each that the host answers, the first also where there
// are no keys.
func rawRequests() []rawRequest {
	return []rawRequest{
		rawTake("assertion", "_raw", time.Now().Add(time.Hour).Unix()),
		{"StateService/Load", &hostv1.LoadRequest{Name: "metadata"}},
		rawSave("metadata", 1),
		{"KeysService/List", &hostv1.ListRequest{Purpose: hostv1.KeyPurpose_KEY_PURPOSE_SIGN}},
		rawSign("k1", "RS256", 32),
		rawDecrypt("k1", "SHA-256", "SHA-1", 0, 256),
	}
}

func TestMemoryOutOfRange(t *testing.T) {
	t.Parallel()
	h, p := liar(t)
	now := time.Now().Unix()
	const (
		kind    = "invalid_request: the kind of an id is lower case letters, digits and dashes"
		id      = "invalid_request: an id has 1 to 1024 bytes"
		until   = "invalid_request: an id is remembered from now on, and for 168h0m0s at most"
		name    = "invalid_request: the name of a blob is lower case letters, digits and dashes"
		purpose = "invalid_request: a key is to sign or to decrypt"
		noKey   = "not_found: the instance has no such key"
		signs   = "unsupported: the host signs by RS256 and PS256"
		digest  = "invalid_request: a digest of SHA-256 has 32 bytes"
		hashes  = "unsupported: the host decrypts RSAES-OAEP with SHA-1, SHA-256, SHA-384 and SHA-512"
		cipher  = "invalid_request: a ciphertext, and its label, have 1024 bytes at most"
	)
	long := strings.Repeat("x", 65)
	for what, c := range map[string]struct {
		request rawRequest
		want    string
	}{
		"a kind that is none":        {rawTake("", "_a", now+60), kind},
		"a kind in upper case":       {rawTake("Assertion", "_a", now+60), kind},
		"a kind that is a path":      {rawTake("../assertion", "_a", now+60), kind},
		"a long kind":                {rawTake(long, "_a", now+60), kind},
		"no id":                      {rawTake("a", "", now+60), id},
		"a long id":                  {rawTake("a", strings.Repeat("x", 1025), now+60), id},
		"an id as long as it may be": {rawTake("a", strings.Repeat("x", 1024), now+60), "answered: "},
		"no time":                    {rawTake("a", "_a", 0), until},
		"a time before all":          {rawTake("a", "_a", math.MinInt64), until},
		"a time that is over":        {rawTake("a", "_a", now-1), until},
		"more than a week":           {rawTake("a", "_a", now+7*24*60*60+10), until},
		"the end of time":            {rawTake("a", "_a", math.MaxInt64), until},
		"no name":                    {rawSave("", 1), name},
		"a name that is a path":      {rawSave("a/b", 1), name},
		"a name with a NUL":          {rawSave("a\x00b", 1), name},
		"a long name":                {rawSave(long, 1), name},
		"a name to load":             {rawRequest{"StateService/Load", &hostv1.LoadRequest{Name: "A"}}, name},
		"as large as it may be":      {rawSave("largest", 512<<10), "answered: "},
		"larger":                     {rawSave("larger", 512<<10+1), "too_large: a blob has 524288 bytes at most"},
		"no purpose":                 {rawRequest{"KeysService/List", &hostv1.ListRequest{}}, purpose},
		"a purpose of a later host":  {rawRequest{"KeysService/List", &hostv1.ListRequest{Purpose: 3}}, purpose},
		"a key that there is not":    {rawSign("k9", "RS256", 32), noKey},
		"a key with a long id":       {rawSign(long, "RS256", 32), noKey},
		"no algorithm":               {rawSign("k1", "", 32), signs},
		"a weak algorithm":           {rawSign("k1", "RS1", 32), signs},
		"no signature at all":        {rawSign("k1", "none", 32), signs},
		"no digest":                  {rawSign("k1", "RS256", 0), digest},
		"a digest of SHA-1":          {rawSign("k1", "RS256", 20), digest},
		"a text":                     {rawSign("k1", "PS256", 33), digest},
		"a key to decrypt, long":     {rawDecrypt(long, "SHA-256", "SHA-256", 0, 1), noKey},
		"no hash":                    {rawDecrypt("k1", "", "SHA-256", 0, 1), hashes},
		"no hash of the mask":        {rawDecrypt("k1", "SHA-256", "", 0, 1), hashes},
		"a hash that is broken":      {rawDecrypt("k1", "MD5", "MD5", 0, 1), hashes},
		"no ciphertext":              {rawDecrypt("k1", "SHA-256", "SHA-256", 0, 0), cipher},
		"a long ciphertext":          {rawDecrypt("k1", "SHA-256", "SHA-256", 0, 1025), cipher},
		"a long label":               {rawDecrypt("k1", "SHA-256", "SHA-256", 1025, 1), cipher},
	} {
		said := c.request.ask(t, p, "own")
		if got := fmt.Sprintf("%s: %s", said.Reason, said.Detail); got != c.want {
			t.Errorf("%s: the host says %q, want %q", what, got, c.want)
		}
	}
	want := []string{"take a", "save largest", "sign k9 RS256"}
	for _, asked := range h.memory.all() {
		if _, what, _ := strings.Cut(asked, ": "); !strings.Contains(strings.Join(want, "\n"), what) {
			t.Errorf("the host asked on: %s", asked)
		}
	}
}

func TestMemoryWithHandlesThatAreNone(t *testing.T) {
	t.Parallel()
	h, p := liar(t)
	if _, err := p.Complete(t.Context(), authn.CompleteRequest{Incoming: authn.Incoming{RawQuery: "keep-handle"}}); err == nil {
		t.Fatal("it kept nothing")
	}
	for _, handle := range []string{"kept", "", strings.Repeat("A", 22), "acme-okta/signon"} {
		for _, r := range rawRequests() {
			if said := r.ask(t, p, handle); said.Reason != "permission_denied" {
				t.Errorf("%s with %q: %+v", r.method, handle, said)
			}
		}
	}
	if got := h.memory.all(); len(got) != 0 {
		t.Errorf("the host was asked: %v", got)
	}
}
