// Package googletest is a Google Workspace for tests: a server that answers as the
// references of Google's token endpoint and of its Directory API say, with their
// quirks.
package googletest

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Doc is a JSON object.
type Doc map[string]any

// Who asks, and for whom.
const (
	Robot = "gatehouse@project.iam.gserviceaccount.com"
	Admin = "admin@acme.example"
)

// Workspace is an account, an http.Handler. While it serves, what it has is
// changed within Change.
type Workspace struct {
	Users   []Doc
	Groups  []Doc
	Members map[string][]Doc // of groups, by their ids
	Page    int              // how much a page has at most

	Issued int      // access tokens
	Asked  []string // paths, with a # and the page's token

	// Refuse answers a request of the API itself where it reports true. Grant
	// refuses an access token where the status is not 200. Both may be nil.
	Refuse func(w http.ResponseWriter, r *http.Request) bool
	Grant  func(claims map[string]any) (status int, code string)

	mu       sync.Mutex
	key      *rsa.PrivateKey // of the service account
	tokenURI string
	tokens   map[string]bool // that are good
}

// New returns one without anybody in it. Its service account signs with the key;
// tokenURI is where the workspace serves /token.
func New(key *rsa.PrivateKey, tokenURI string) *Workspace {
	return &Workspace{Members: map[string][]Doc{}, Page: 2, key: key, tokenURI: tokenURI, tokens: map[string]bool{}}
}

// Change runs f while nobody is answered.
func (g *Workspace) Change(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

// User adds a user, with more of their attributes than they must have.
func (g *Workspace) User(id, email string, more Doc) {
	u := Doc{"kind": "admin#directory#user", "etag": `"x"`, "id": id, "primaryEmail": email}
	maps.Copy(u, more)
	g.Users = append(g.Users, u)
}

// Without takes users away.
func (g *Workspace) Without(ids ...string) {
	g.Users = slices.DeleteFunc(g.Users, func(u Doc) bool { return slices.Contains(ids, u["id"].(string)) })
}

// Group adds a group.
func (g *Workspace) Group(id, email, name string, members ...Doc) {
	g.Groups = append(g.Groups, Doc{"kind": "admin#directory#group", "id": id, "email": email, "name": name, "directMembersCount": strconv.Itoa(len(members))})
	g.Members[id] = members
}

// Person is a member of a group that is a user.
func Person(id string) Doc {
	return Doc{"kind": "admin#directory#member", "id": id, "type": "USER", "role": "MEMBER"}
}

// Subgroup is a member of a group that is one.
func Subgroup(id string) Doc { return Doc{"id": id, "type": "GROUP", "role": "MEMBER"} }

const api = "/admin/directory/v1/"

// ServeHTTP implements http.Handler.
func (g *Workspace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.URL.Path == "/token" {
		g.token(w, r)
		return
	}
	q := r.URL.Query()
	g.Asked = append(g.Asked, strings.TrimPrefix(r.URL.Path, api)+"#"+q.Get("pageToken"))
	if g.Refuse != nil && g.Refuse(w, r) {
		return
	}
	if token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !g.tokens[token] {
		Error(w, http.StatusUnauthorized, "authError", "Invalid Credentials")
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, api), "/")
	switch {
	case r.Method != http.MethodGet || q.Get("customer") == "" && q.Get("domain") == "" && len(parts) == 1:
		Error(w, http.StatusBadRequest, "badRequest", "Bad Request")
	case len(parts) == 1 && parts[0] == "users":
		g.list(w, q, "users", g.Users, 500)
	case len(parts) == 1 && parts[0] == "groups":
		g.list(w, q, "groups", g.Groups, 200)
	case len(parts) == 3 && parts[0] == "groups" && parts[2] == "members":
		members, ok := g.Members[parts[1]]
		if !ok {
			Error(w, http.StatusNotFound, "notFound", "Resource Not Found: groupKey")
			return
		}
		g.list(w, q, "members", members, 200)
	default:
		Error(w, http.StatusNotFound, "notFound", "Not Found")
	}
}

// list writes a page. An empty one has no list at all, and the last no token.
func (g *Workspace) list(w http.ResponseWriter, q url.Values, name string, all []Doc, most int) {
	limit, err := strconv.Atoi(q.Get("maxResults"))
	if err != nil || limit < 1 || limit > most {
		Error(w, http.StatusBadRequest, "invalid", "Invalid value for maxResults")
		return
	}
	from := 0
	if token := q.Get("pageToken"); token != "" {
		if from, err = strconv.Atoi(strings.TrimPrefix(token, "~!!~")); err != nil || from < 0 || from > len(all) {
			Error(w, http.StatusBadRequest, "invalid", "Invalid Input: pageToken")
			return
		}
	}
	answer := Doc{"kind": "admin#directory#" + name, "etag": `"etag"`}
	to := min(from+min(limit, g.Page), len(all))
	if from < to {
		answer[name] = all[from:to]
	}
	if to < len(all) {
		answer["nextPageToken"] = fmt.Sprintf("~!!~%d", to)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(answer)
}

// Error answers as the API refuses.
func Error(w http.ResponseWriter, status int, reason, message string) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Doc{"error": Doc{
		"code": status, "message": message, "errors": []Doc{{"message": message, "domain": "global", "reason": reason}},
	}})
}
