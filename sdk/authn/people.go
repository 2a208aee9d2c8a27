package authn

import (
	"context"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/diag"
	"github.com/gatehouse-id/gatehouse/sdk/instance"
	"github.com/gatehouse-id/gatehouse/sdk/schema"
)

// PersonKind describes one kind of authenticator of people, and makes instances
// of it. Its blocks stand in a connection.
type PersonKind struct {
	Name   string // as it stands in the configuration: authenticator "name" {}
	Doc    string // one or two sentences for the operator
	Schema schema.Schema

	// Callback is the last part of the address that a browser comes back to, in lower
	// case letters, such as "acs"; "" is "callback".
	Callback string

	Unsolicited bool // its IdPs answer what nobody asked for, as with SAML's portals
	Refreshes   bool // its instances are Refreshers
	LogsOut     bool // its instances are LogoutStarters, and Receivers of what a browser brings
	Receives    bool // its instances are Receivers of what servers push

	// New makes an instance from its configuration, or says what is wrong with
	// it. It is also called only to validate: it must not act on anything outside.
	New func(ctx context.Context, c instance.Config) (People, diag.Diagnostics)
}

// People signs people on with their company's IdP. It makes and reads messages.
// The host binds a sign-on to the browser that began it, lets it count once, and
// decides who the person is in the directory and what they may do. Methods are
// called from many goroutines at once; an instance that holds something that must
// be given back also implements io.Closer.
type People interface {
	// Begin sends a browser to the IdP. The host may repeat the call.
	Begin(ctx context.Context, r BeginRequest) (Begun, error)

	// Complete reads what the browser came back with: an Identity, or a *Denied
	// as the error. Any other error means that it could not find out. It is never
	// repeated, since a code or an assertion counts once.
	Complete(ctx context.Context, r CompleteRequest) (Identity, error)

	// Metadata is what an administrator of the IdP has to be given.
	Metadata(ctx context.Context, e Endpoints) (Metadata, error)
}

// Refresher asks the IdP about a session again.
type Refresher interface {
	// Refresh returns the identity of now. A *Denied says that the session is
	// over; any other error that it could not find out, and the session goes on.
	Refresh(ctx context.Context, e Endpoints, session Session) (Identity, error)
}

// LogoutStarter ends a session at the IdP after the host has ended its own.
type LogoutStarter interface {
	// Logout says where to send the browser. A zero Begun says that the IdP has no
	// way to be told.
	Logout(ctx context.Context, e Endpoints, relay string, session Session) (Begun, error)
}

// Receiver reads what an IdP sends of its own accord, or in answer to a Logout.
type Receiver interface {
	// Receive says whose sessions end, and what to answer. A *Denied is a message
	// that counts for nothing.
	Receive(ctx context.Context, r ReceiveRequest) (Received, error)
}

// Endpoints are the addresses of an instance, as seen from outside. They are the
// host's.
type Endpoints struct {
	EntityID    string // what the IdP knows this application by: the entityID of SAML
	CompleteURL string // where a browser comes back: assertion consumer service, redirect URI
	LogoutURL   string // where a browser comes with a message of logout
	ReceiveURL  string // where servers of the IdP post pushes
}

// BeginRequest is what is asked of the IdP.
type BeginRequest struct {
	Endpoints Endpoints

	// Relay is what the IdP hands back with the answer: RelayState of SAML, state
	// of OAuth 2.0. It is random, 80 bytes at most, and of characters that no
	// encoding touches.
	Relay string

	LoginHint   string        // who wants to sign on, as far as they said so: an e-mail address
	Fresh       bool          // they have to prove now who they are
	MultiFactor bool          // with more than one factor
	MaxAge      time.Duration // of their sign-on at the IdP; 0 asks for none
}

// Begun is where a browser is sent.
type Begun struct {
	URL    string  // absolute; https, in development also http
	Fields []Field // to post to it; none: the browser goes there

	// State comes back with the call that reads the answer. The browser keeps it, in
	// a cookie that only the host can read or make: so it is at most 1536 bytes.
	State []byte
}

// Field is a name with its value.
type Field struct{ Name, Value string }

// Incoming is a message that came by a browser, or from a server.
type Incoming struct {
	Method        string  // GET or POST
	RawQuery      string  // as it stood in the URL, undecoded
	Form          []Field // of a form's body, in their order
	Body          []byte  // any other body
	ContentType   string
	Authorization string // of a server's request
}

// CompleteRequest is what a browser came back with.
type CompleteRequest struct {
	Endpoints Endpoints
	Incoming  Incoming
	State     []byte // of the Begin that it answers

	// Unsolicited says that nothing of ours asked for it and the operator takes
	// such messages: it must not answer anything else either.
	Unsolicited bool

	// Fresh and MaxAge are what Begin was asked for, at Begun. The identity says
	// when the person signed on, and Complete refuses where that is not enough.
	Fresh  bool
	MaxAge time.Duration
	Begun  time.Time
}

// Session is what the host keeps of an identity while its session lives.
type Session struct {
	Issuer  string
	Subject string
	Keep    []byte // of the Identity
}

// Metadata is what an administrator of the IdP has to be given.
type Metadata struct {
	ContentType string
	Document    []byte  // that the IdP reads; none where there is no such form
	Values      []Field // to copy into forms, with the names that the IdP gives them
}

// ReceiveRequest is what an IdP sent.
type ReceiveRequest struct {
	Endpoints Endpoints
	Incoming  Incoming
	Browser   bool   // it came by a browser to LogoutURL, else from a server to ReceiveURL
	State     []byte // of the Logout that it answers; nil: it answers none
}

// Received is what follows from a message.
type Received struct {
	Ended []Ended // whose sessions end before the answer is given

	// Begun is where the browser goes then, without State; a zero one lets it stay.
	Begun Begun

	Status    int  // for a server: 200, 202 or 204; 0 is 204
	Confirmed bool // an answer to our Logout: the IdP has ended its session
}

// Ended names sessions of the connection: those that match all that is set.
type Ended struct {
	Issuer         string
	Subject        string
	SessionIndexes []string
	Email          string // of the directory; how some pushes name a person
	Keys           bool   // the person's keys stop too, as when they are deactivated
}
