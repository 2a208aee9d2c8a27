package domain

// Why a domain is nobody's alone.
const (
	mailForAll = "everybody can have an address there"
	tenantsOf  = "all tenants of the product have their first addresses below it"
)

// shared are well-known domains whose addresses are of people who have nothing to do
// with each other. Nobody but their operator could publish a challenge there; the
// list is against an operator of ours who vouches for one, and says at once what
// the DNS would say late. It is not complete, and need not be.
var shared = map[string]string{
	"163.com":         mailForAll,
	"aol.com":         mailForAll,
	"fastmail.com":    mailForAll,
	"gmail.com":       mailForAll,
	"gmx.de":          mailForAll,
	"gmx.net":         mailForAll,
	"googlemail.com":  mailForAll,
	"hotmail.com":     mailForAll,
	"icloud.com":      mailForAll,
	"live.com":        mailForAll,
	"mail.ru":         mailForAll,
	"me.com":          mailForAll,
	"msn.com":         mailForAll,
	"onmicrosoft.com": tenantsOf,
	"outlook.com":     mailForAll,
	"proton.me":       mailForAll,
	"protonmail.com":  mailForAll,
	"qq.com":          mailForAll,
	"web.de":          mailForAll,
	"yahoo.com":       mailForAll,
	"yandex.ru":       mailForAll,
	"zoho.com":        mailForAll,
}
