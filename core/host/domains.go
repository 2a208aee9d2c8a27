package host

// domains are the e-mail domains of the configuration's files, and the organization
// of each.
func (p *plan) domains() map[string]string {
	filed := map[string]string{}
	for _, o := range p.config.Organizations {
		for _, name := range o.Domains {
			filed[name] = o.Label
		}
	}
	return filed
}

// filedDomain is the organization whose domain it is by the files in force; "" is none.
func (h *house) filedDomain(name string) string {
	now := h.current.Load()
	if now == nil { // it is not running
		return ""
	}
	return now.domains.Filed(name)
}

// dnsServer is the one that is asked for the challenges of domains; "" is the
// system's.
func (h *house) dnsServer() string { return h.current.Load().config.Server.DNSServer }
