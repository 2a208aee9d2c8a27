package admin

import (
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// NewPlan asks what would change if files became the configuration in force.
type NewPlan struct {
	Files []ConfigFile `json:"files"`
	Names *int         `json:"names,omitempty" doc:"how many principals are named for each role and each reason, 20 without it; all are counted"`
	All   bool         `json:"all,omitempty" doc:"name all of them, whatever names says"`
}

// PlanLine is one line of the answer to NewPlan. Each has one member.
type PlanLine struct {
	Progress *PlanProgress     `json:"progress,omitempty"`
	Change   *PlannedChange    `json:"change,omitempty"`
	Plan     *Plan             `json:"plan,omitempty" doc:"the last line, of a plan that could be made"`
	Problem  *problem.Document `json:"problem,omitempty" doc:"the last line, of one that could not"`
}

// PlanProgress says how far a plan is.
type PlanProgress struct {
	Done  int `json:"done" doc:"users and clients that were looked at"`
	Total int `json:"total"`
}

// The words of Access.
const (
	AccessLost   = "lost"
	AccessGained = "gained"
)

// Why access is lost or gained.
const (
	ByConnection    = "connection"    // its block is taken away, or there again
	BySignOn        = "sign_on"       // the last authenticator of the connection, or the first
	ByClient        = "client"        // the client's block
	ByAuthenticator = "authenticator" // that the client's keys are of
	ByOwner         = "owner"         // who owns the client
)

// PlannedChange is what changes for one user or client.
type PlannedChange struct {
	Principal    string         `json:"principal" doc:"such as \"user:u1\" or \"client:my-tenant\""`
	Organization string         `json:"organization"`
	Connection   string         `json:"connection,omitempty"`
	Name         string         `json:"name,omitempty" doc:"of a user: how they are shown"`
	Gains        []PlannedGrant `json:"gains,omitempty" doc:"roles that they do not have now"`
	Loses        []PlannedGrant `json:"loses,omitempty" doc:"roles that they would not have any more"`
	Access       string         `json:"access,omitempty" doc:"whether all access is lost, or gained: a user cannot sign on, a client cannot call"`
	Because      string         `json:"because,omitempty" doc:"why access is lost or gained"`
}

// PlannedGrant is a role with what gives it: before, of one that is lost.
type PlannedGrant struct {
	Role   string `json:"role"`
	Source string `json:"source"`
	Rule   string `json:"rule,omitempty"`
	Reason string `json:"reason,omitempty"`
	Where  string `json:"where,omitempty" doc:"file and line of the rule"`
}

// Plan sums up what a configuration would change.
type Plan struct {
	Digest       string               `json:"digest" doc:"of the files and of all that would change: what applying it can be made to depend on"`
	Files        string               `json:"files" doc:"digest of the files"`
	Revision     int64                `json:"revision" doc:"in force when it was made"`
	MadeAt       time.Time            `json:"made_at"`
	Users        int                  `json:"users" doc:"that were evaluated; those of connections of which nothing changes are not"`
	Clients      int                  `json:"clients"`
	Roles        []PlannedRole        `json:"roles"`
	Access       []PlannedAccess      `json:"access"`
	Lockouts     []Lockout            `json:"lockouts"`
	MultiFactor  []string             `json:"multi_factor" doc:"connections that would ask for more than one factor, and do not now"`
	Addresses    []PlannedAddress     `json:"addresses" doc:"what the administrator of an identity provider has to change there"`
	Permissions  []PlannedPermissions `json:"permissions" doc:"roles of which the permissions change"`
	Routes       []PlannedRoute       `json:"routes"`
	Connections  PlannedNames         `json:"connections"`
	Declarations PlannedNames         `json:"declarations" doc:"roles that would be declared, or not any more"`
}

// Takes reports whether anybody would lose a role or access.
func (p Plan) Takes() bool {
	for _, r := range p.Roles {
		if r.UsersLose+r.ClientsLose > 0 {
			return true
		}
	}
	for _, a := range p.Access {
		if a.Access == AccessLost && a.Users+a.Clients > 0 {
			return true
		}
	}
	return len(p.Lockouts) > 0
}

// PlannedRole counts who gains and loses a role.
type PlannedRole struct {
	Role        string `json:"role"`
	UsersGain   int    `json:"users_gain"`
	UsersLose   int    `json:"users_lose"`
	ClientsGain int    `json:"clients_gain"`
	ClientsLose int    `json:"clients_lose"`
}

// PlannedAccess counts who loses or gains access for one reason.
type PlannedAccess struct {
	Access  string `json:"access"`
	Because string `json:"because"`
	Of      string `json:"of" doc:"the connection or the authenticator; of clients their organization"`
	Users   int    `json:"users"`
	Clients int    `json:"clients"`
}

// Lockout is a protected role that would lose its last active holder.
type Lockout struct {
	Role         string `json:"role"`
	Organization string `json:"organization"`
	Users        int    `json:"users" doc:"active ones who have it now"`
	Clients      int    `json:"clients"`
}

// PlannedAddress is an address of ours that an identity provider was given.
type PlannedAddress struct {
	Connection string `json:"connection"`
	Instance   string `json:"instance"`
	What       string `json:"what" doc:"metadata, acs, callback, slo, receive or provisioning"`
	Before     string `json:"before,omitempty" doc:"missing of one that is new"`
	After      string `json:"after,omitempty" doc:"missing of one that is gone"`
}

// PlannedPermissions is a role that would permit something else.
type PlannedPermissions struct {
	Role  string   `json:"role"`
	Gains []string `json:"gains"`
	Loses []string `json:"loses"`
}

// PlannedRoute is a rule for requests that would be another.
type PlannedRoute struct {
	Upstream string `json:"upstream"`
	Pattern  string `json:"pattern"`
	Method   string `json:"method,omitempty" doc:"missing of a rule for all of them"`
	Before   string `json:"before,omitempty" doc:"what it asks for; missing of a rule that is new"`
	After    string `json:"after,omitempty" doc:"missing of one that is gone"`
}

// PlannedNames are names that come and go.
type PlannedNames struct {
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
}
