package admin

import (
	"regexp"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Permission is what a route of this API asks for.
type Permission string

// The closed list of permissions.
const (
	ReadClients  Permission = "gatehouse:clients:read"
	WriteClients Permission = "gatehouse:clients:write" // make clients and keys, rotate, revoke
	ReadTokens   Permission = "gatehouse:tokens:read"
	WriteTokens  Permission = "gatehouse:tokens:write"
	ReadPlugins  Permission = "gatehouse:plugins:read"
	ReadStatus   Permission = "gatehouse:status:read"
	ReadKeyring  Permission = "gatehouse:keyring:read"
	WriteKeyring Permission = "gatehouse:keyring:write" // rotate

	ReadProvisioning  Permission = "gatehouse:provisioning:read"  // tokens of IdPs, what they have said, who has left
	WriteProvisioning Permission = "gatehouse:provisioning:write" // make and revoke such tokens, decide on who has left
	ReadUsers         Permission = "gatehouse:users:read"         // users and groups

	ReadSessions  Permission = "gatehouse:sessions:read"
	WriteSessions Permission = "gatehouse:sessions:write" // end them, and forget what pins people

	ReadDomains  Permission = "gatehouse:domains:read"
	WriteDomains Permission = "gatehouse:domains:write" // claim, prove, and take away e-mail domains

	ReadDecisions Permission = "gatehouse:decisions:read" // open the ids of decisions

	ReadConfig  Permission = "gatehouse:config:read"
	WriteConfig Permission = "gatehouse:config:write" // apply: it can give every other permission
)

var permissions = []string{
	string(ReadClients), string(WriteClients), string(ReadTokens), string(WriteTokens), string(ReadPlugins), string(ReadStatus),
	string(ReadKeyring), string(WriteKeyring), string(ReadProvisioning), string(WriteProvisioning), string(ReadUsers), string(ReadSessions), string(WriteSessions), string(ReadDomains), string(WriteDomains), string(ReadDecisions), string(ReadConfig), string(WriteConfig),
}

// reserved is the first segment of all of them. It is never matched by "*", so
// that a wildcard which was meant for the application gives nothing here.
const reserved = "gatehouse"

// covers reports whether a pattern matches a permission: a segment matches
// itself, "*" exactly one, and in the last place one or more. Between two
// patterns it says that the first matches whatever the second does: the
// second's "*" is then matched by a "*" only.
func covers(pattern, permission string) bool {
	have, want := strings.Split(pattern, ":"), strings.Split(permission, ":")
	if have[0] != reserved || want[0] != reserved || len(have) > len(want) {
		return false
	}
	for i, segment := range have {
		last := i == len(have)-1
		if segment != "*" && segment != want[i] {
			return false
		}
		if last {
			return segment == "*" || len(want) == len(have)
		}
	}
	return false
}

// checkScopes refuses scopes of a token that give nothing: each of them is a
// slip, and a token that silently lacks it would be noticed in the night.
func checkScopes(scopes []string) error {
	if len(scopes) > maxList {
		return tooLong("scopes")
	}
	for _, scope := range scopes {
		known := false
		for _, p := range permissions {
			known = known || covers(scope, p)
		}
		if !known {
			return problem.New(problem.Invalid, "the scope %s covers no permission of the admin API", quoted(scope)).
				WithHint("%s", didYouMean(scope, permissions))
		}
	}
	return nil
}

// permissionForm is the pattern of permissions, and of what stands for several.
const permissionForm = `^(\*|[a-z0-9._-]{1,64})(:(\*|[a-z0-9._-]{1,64})){0,7}$`

var permissionPattern = regexp.MustCompile(permissionForm)

// checkPatterns refuses scopes of a client that no permission could match.
func checkPatterns(scopes []string) error {
	if len(scopes) > maxList {
		return tooLong("scopes")
	}
	for _, scope := range scopes {
		if !permissionPattern.MatchString(scope) {
			return problem.New(problem.Invalid, "the scope %s is no permission", quoted(scope)).
				WithHint(`segments of a-z, 0-9, ".", "_" and "-" joined by ":", or "*" for a whole one, such as query:execute`)
		}
	}
	return nil
}
