package fetch

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// urlLimit bounds a URL, in bytes.
const urlLimit = 8 << 10

// hostName is a name of DNS, in its ASCII form.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$`)

// parseURL reads the URL of a request, or says why it is none. No message
// repeats a URL: it may hold a secret.
func parseURL(text string, plain bool) (*url.URL, error) {
	if len(text) > urlLimit {
		return nil, problem.New(problem.Invalid, "the URL has %d bytes, %d are allowed", len(text), urlLimit)
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, problem.New(problem.Invalid, "this is no URL")
	}
	return u, checkURL(u, plain)
}

// checkURL holds the URL of a request, or of a redirect, against what is
// fetched, and takes the fragment away.
func checkURL(u *url.URL, plain bool) error {
	u.Fragment, u.RawFragment = "", ""
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !plain):
		return problem.New(problem.Invalid, "only https URLs are fetched")
	case u.Opaque != "" || host == "":
		return problem.New(problem.Invalid, "the URL has no host")
	case u.User != nil:
		return problem.New(problem.Invalid, "the URL holds a user's name or password").WithHint("Send credentials in a header.")
	case !validHost(u.Host, host):
		return problem.New(problem.Invalid, "the URL's host is no name of DNS and no address").WithHint("Write international names in their ASCII form.")
	case !validPort(u):
		return problem.New(problem.Invalid, "the URL's port is no number from 1 to 65535")
	case len(u.String()) > urlLimit:
		return problem.New(problem.Invalid, "the URL has more than %d bytes", urlLimit)
	}
	return nil
}

func validHost(written, host string) bool {
	if strings.HasPrefix(written, "[") {
		a, err := netip.ParseAddr(host)
		return err == nil && a.Is6() && a.Zone() == ""
	}
	return hostName.MatchString(host)
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// origin is scheme, host and port of a URL, in one form (RFC 6454 4).
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
