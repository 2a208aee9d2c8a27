// Package provisioning is the way in of identity providers: their tokens, the
// mounts that they send requests to with the limits of each connection, and what
// is seen of the requests that are under way. What an IdP means by a request is
// its provisioner's to know, a plugin.
package provisioning
