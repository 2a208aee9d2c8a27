package server

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// cannotListen says why the address of an attribute cannot be listened on, and
// what an operator does about it.
func cannotListen(attribute, address string, err error) error {
	elsewhere := fmt.Sprintf("choose another address, with %s in the server block", attribute)
	if attribute == "listen" {
		elsewhere += ", --listen or GATEHOUSE_LISTEN"
	}
	_, port, _ := net.SplitHostPort(address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return problem.New(problem.Conflict, "%s %s is in use: %s listens there", attribute, address, holder(port)).
			WithHint("stop it, or %s", elsewhere)
	case errors.Is(err, syscall.EACCES):
		return problem.New(problem.Forbidden, "this user may not listen on %s, which %s asks for", address, attribute).
			WithHint("a port below 1024 needs the capability CAP_NET_BIND_SERVICE; or %s", elsewhere)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return problem.New(problem.Invalid, "this machine has no address %s, which %s asks for", address, attribute).
			WithHint("ip address lists those that it has; :%s is all of them", port)
	}
	return problem.Wrap(err, problem.Invalid, "%s cannot be listened on, which %s asks for", address, attribute).WithHint("%s", elsewhere)
}
