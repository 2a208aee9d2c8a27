// Package response decides whether a SAML Response signs somebody on. It is the way
// from the bytes that a browser brought to an assertion that holds: XML in one pass,
// structure, algorithms, signature, and only then what is said, read from the bytes
// that the signature covers and from nothing else.
package response

import (
	"context"
	"slices"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/assertion"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/wellformed"
	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/xmldsig"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
)

// Validator knows whose messages count.
type Validator struct {
	Limits wellformed.Limits
	Policy xmldsig.Policy

	Encrypted bool // an assertion that is not encrypted is refused

	// Decrypt decrypts an EncryptedAssertion. Verified says that it was signed as it
	// is. nil: nothing encrypted is taken.
	Decrypt func(ctx context.Context, encrypted *etree.Element, verified bool) (plaintext []byte, weaknesses []string, err error)
}

// Read returns the assertion of a Response, if that counts. It refuses with a
// *authn.Denied; any other error means that something could not be found out.
func (v Validator) Read(ctx context.Context, message []byte, x assertion.Expected) (a assertion.Assertion, weaknesses []string, err error) {
	defer func() {
		// A message that makes one of the parsers panic is refused like any other.
		if recover() != nil {
			a, weaknesses, err = assertion.Assertion{}, nil, authn.Deny("unreadable", "reading the message failed; this is a mistake in the plugin")
		}
	}()
	root, err := wellformed.Parse(message, v.Limits)
	if err != nil {
		return a, nil, err
	}
	r, err := assertion.Open(root)
	if err != nil {
		return a, nil, err
	}
	signed := xmldsig.Signed(root)
	if err := r.Check(x, signed); err != nil { // before any crypto
		return a, nil, err
	}
	if signed {
		var verified xmldsig.Verified
		if verified, err = xmldsig.Verify(root, v.Policy); err != nil {
			return a, nil, err
		}
		weaknesses = verified.Weaknesses
		// From here on there is what was signed, and nothing else.
		if r, err = assertion.Open(verified.Element); err != nil {
			return a, nil, err
		}
		if err := r.Check(x, true); err != nil {
			return a, nil, err
		}
	}
	e := r.Assertion
	if r.Encrypted != nil {
		var more []string
		if e, more, err = v.decrypted(ctx, r.Encrypted, signed); err != nil {
			return a, nil, err
		}
		weaknesses = append(weaknesses, more...)
	} else if v.Encrypted {
		return a, nil, authn.Deny("not_encrypted", "the assertion is not encrypted, as require_encryption wants it")
	}
	if e == nil {
		return a, nil, authn.Deny("assertions", "there is no assertion in the message")
	}
	if xmldsig.Signed(e) || !signed {
		verified, err := xmldsig.Verify(e, v.Policy)
		if err != nil {
			return a, nil, err
		}
		e, weaknesses = verified.Element, append(weaknesses, verified.Weaknesses...)
	}
	a, err = assertion.Read(e, x)
	slices.Sort(weaknesses)
	return a, slices.Compact(weaknesses), err
}

// decrypted is the assertion within an EncryptedAssertion, put through the same as
// the message.
func (v Validator) decrypted(ctx context.Context, encrypted *etree.Element, verified bool) (*etree.Element, []string, error) {
	if v.Decrypt == nil {
		return nil, nil, authn.Deny("encrypted", "the assertion is encrypted, which nobody here can read")
	}
	plaintext, weaknesses, err := v.Decrypt(ctx, encrypted, verified)
	if err != nil {
		return nil, nil, err
	}
	root, err := wellformed.Parse(plaintext, v.Limits)
	if err != nil {
		return nil, nil, err
	}
	return root, weaknesses, assertion.OpenAssertion(root)
}
