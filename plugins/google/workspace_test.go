package google_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// signingKey is that of the service account of all tests.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

const (
	robot = "gatehouse@project.iam.gserviceaccount.com"
	admin = "admin@acme.example"
)

// credentials are the file that the console gives.
func credentials(t testing.TB) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(signingKey())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": robot, "private_key_id": "key-1", "token_uri": "https://oauth2.googleapis.com/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// doc is a JSON object.
type doc map[string]any

// workspace answers as the references of Google's token endpoint and of its
// Directory API say.
type workspace struct {
	mu      sync.Mutex
	users   []doc
	groups  []doc
	members map[string][]doc
	page    int                                                  // how much a page has at most
	tokens  map[string]bool                                      // that are good
	issued  int                                                  // tokens
	asked   []string                                             // paths and page tokens
	refuse  func(w http.ResponseWriter, r *http.Request) bool    // answers itself where it reports true
	grant   func(claims map[string]any) (status int, err string) // of the token's endpoint
}

func newWorkspace() *workspace {
	return &workspace{page: 2, tokens: map[string]bool{}, members: map[string][]doc{}}
}

func (g *workspace) user(id, email string, more doc) {
	u := doc{"kind": "admin#directory#user", "etag": `"x"`, "id": id, "primaryEmail": email}
	maps.Copy(u, more)
	g.users = append(g.users, u)
}

func (g *workspace) group(id, email, name string, members ...doc) {
	g.groups = append(g.groups, doc{"kind": "admin#directory#group", "id": id, "email": email, "name": name, "directMembersCount": strconv.Itoa(len(members))})
	g.members[id] = members
}

func person(id string) doc {
	return doc{"kind": "admin#directory#member", "id": id, "type": "USER", "role": "MEMBER"}
}
func subgroup(id string) doc { return doc{"id": id, "type": "GROUP", "role": "MEMBER"} }

func (g *workspace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.Host == "oauth2.googleapis.com" {
		g.token(w, r)
		return
	}
	q := r.URL.Query()
	g.asked = append(g.asked, strings.TrimPrefix(r.URL.Path, "/admin/directory/v1/")+"#"+q.Get("pageToken"))
	if g.refuse != nil && g.refuse(w, r) {
		return
	}
	if token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !g.tokens[token] {
		apiError(w, http.StatusUnauthorized, "authError", "Invalid Credentials")
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/admin/directory/v1/"), "/")
	switch {
	case r.Method != http.MethodGet || q.Get("customer") == "" && q.Get("domain") == "" && len(parts) == 1:
		apiError(w, http.StatusBadRequest, "badRequest", "Bad Request")
	case len(parts) == 1 && parts[0] == "users":
		g.list(w, q, "users", g.users, 500)
	case len(parts) == 1 && parts[0] == "groups":
		g.list(w, q, "groups", g.groups, 200)
	case len(parts) == 3 && parts[0] == "groups" && parts[2] == "members":
		members, ok := g.members[parts[1]]
		if !ok {
			apiError(w, http.StatusNotFound, "notFound", "Resource Not Found: groupKey")
			return
		}
		g.list(w, q, "members", members, 200)
	default:
		apiError(w, http.StatusNotFound, "notFound", "Not Found")
	}
}

// list writes a page. An empty one has no list at all, and the last no token.
func (g *workspace) list(w http.ResponseWriter, q url.Values, name string, all []doc, most int) {
	limit, err := strconv.Atoi(q.Get("maxResults"))
	if err != nil || limit < 1 || limit > most {
		apiError(w, http.StatusBadRequest, "invalid", "Invalid value for maxResults")
		return
	}
	from := 0
	if token := q.Get("pageToken"); token != "" {
		if from, err = strconv.Atoi(strings.TrimPrefix(token, "~!!~")); err != nil || from > len(all) {
			apiError(w, http.StatusBadRequest, "invalid", "Invalid Input: pageToken")
			return
		}
	}
	answer := doc{"kind": "admin#directory#" + name, "etag": `"etag"`}
	to := min(from+min(limit, g.page), len(all))
	if from < to {
		answer[name] = all[from:to]
	}
	if to < len(all) {
		answer["nextPageToken"] = fmt.Sprintf("~!!~%d", to)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(answer)
}

func apiError(w http.ResponseWriter, status int, reason, message string) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc{"error": doc{
		"code": status, "message": message, "errors": []doc{{"message": message, "domain": "global", "reason": reason}},
	}})
}

// token answers an assertion (RFC 7523), which it checks as Google does.
func (g *workspace) token(w http.ResponseWriter, r *http.Request) {
	claims, err := claimsOf(r)
	status, code := http.StatusOK, ""
	switch {
	case err != nil || claims["iss"] != robot || claims["aud"] != "https://oauth2.googleapis.com/token":
		status, code = http.StatusBadRequest, "invalid_grant"
	case g.grant != nil:
		status, code = g.grant(claims)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if status != http.StatusOK {
		_ = json.NewEncoder(w).Encode(doc{"error": code, "error_description": "as it is"})
		return
	}
	g.issued++
	token := fmt.Sprintf("ya29.%d", g.issued)
	g.tokens[token] = true
	_ = json.NewEncoder(w).Encode(doc{"access_token": token, "expires_in": 3599, "token_type": "Bearer"})
}

func claimsOf(r *http.Request) (claims map[string]any, err error) {
	parts := strings.Split(r.FormValue("assertion"), ".")
	if r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || len(parts) != 3 {
		return nil, fmt.Errorf("no assertion")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&signingKey().PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		return nil, err
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, err
	}
	issued, _ := claims["iat"].(float64)
	ends, _ := claims["exp"].(float64)
	now := float64(time.Now().Unix())
	if ends-issued > 3600 || issued > now || ends < now {
		return nil, fmt.Errorf("the assertion is good from %v to %v", issued, ends)
	}
	return claims, nil
}

// revoke makes all tokens bad.
func (g *workspace) revoke() { clear(g.tokens) }

// without takes users away.
func (g *workspace) without(ids ...string) {
	g.users = slices.DeleteFunc(g.users, func(u doc) bool { return slices.Contains(ids, u["id"].(string)) })
}
