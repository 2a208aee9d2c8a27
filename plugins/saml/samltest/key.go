// Package samltest makes the messages of a SAML identity provider: responses signed
// and encrypted as real ones are, with everything that a test wants to be wrong.
package samltest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"time"
)

// Key is a key pair of an IdP.
type Key struct {
	Private     crypto.Signer
	Certificate *x509.Certificate
}

// NewKey makes an RSA key of 2048 bits, and a certificate for it.
func NewKey(name string) (Key, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return Key{}, err
	}
	return Certify(name, private, time.Now().Add(-time.Hour), time.Now().AddDate(3, 0, 0))
}

// NewECKey makes a key on the curve P-256.
func NewECKey(name string) (Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Key{}, err
	}
	return Certify(name, private, time.Now().Add(-time.Hour), time.Now().AddDate(3, 0, 0))
}

// Renew makes another certificate for the same key, with this period.
func (k Key) Renew(from, until time.Time) (Key, error) {
	return Certify(k.Certificate.Subject.CommonName, k.Private, from, until)
}

// Certify makes a certificate with a period for a key.
func Certify(name string, private crypto.Signer, from, until time.Time) (Key, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return Key{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	return Key{Private: private, Certificate: certificate}, err
}

// PEM is the certificate as an operator has it.
func (k Key) PEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate.Raw}))
}

// Base64 is the certificate as it stands in XML.
func (k Key) Base64() string { return base64.StdEncoding.EncodeToString(k.Certificate.Raw) }

// Public is the public half of an RSA key.
func (k Key) Public() *rsa.PublicKey {
	public, _ := k.Private.Public().(*rsa.PublicKey)
	return public
}

// ParseCertificate reads a certificate as it stands in metadata.
func ParseCertificate(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
