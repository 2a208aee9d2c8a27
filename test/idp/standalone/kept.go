package standalone

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

// kept is what an identity provider has of its own, and finds again at its next start:
// a host that trusts it goes on doing so. Nobody else has it: a key that stands in a
// source would let everybody sign on to that host.
type kept struct {
	tls          tls.Certificate
	tlsFile      string // with the certificate, for ca_file
	signing      samltest.Key
	clientSecret string
}

// How long a certificate is good for, and how long before its end another is made.
const (
	certificateLife = 365 * 24 * time.Hour
	certificateRest = 30 * 24 * time.Hour
)

// open finds what is kept in a folder, or makes it.
func open(dir string) (k kept, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return k, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { // the host reads the certificate, perhaps as another user
		return k, fmt.Errorf("making the folder for keys: %w", err)
	}
	// It is no authority: who trusts it trusts it for this machine, and for nothing else.
	k.tlsFile = filepath.Join(dir, "tls.crt")
	k.tls, err = pair(dir, "tls", func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }, x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	})
	if err != nil {
		return k, err
	}
	signing, err := pair(dir, "signing", func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }, x509.Certificate{})
	if err != nil {
		return k, err
	}
	k.signing = samltest.Key{Private: signing.PrivateKey.(crypto.Signer), Certificate: signing.Leaf}
	secret, err := os.ReadFile(filepath.Join(dir, "client-secret"))
	if errors.Is(err, fs.ErrNotExist) {
		secret = []byte(rand.Text() + rand.Text())
		err = write(filepath.Join(dir, "client-secret"), secret, 0o600)
	}
	k.clientSecret = strings.TrimSpace(string(secret))
	if err == nil && len(k.clientSecret) < 32 {
		err = fmt.Errorf("%s is no secret of this identity provider: remove it", filepath.Join(dir, "client-secret"))
	}
	return k, err
}

// pair reads a key and its certificate, or makes them anew where they are not there, or
// end soon.
func pair(dir, name string, generate func() (crypto.Signer, error), template x509.Certificate) (tls.Certificate, error) {
	certificateFile, keyFile := filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	had, err := tls.LoadX509KeyPair(certificateFile, keyFile)
	switch {
	case err == nil && time.Until(had.Leaf.NotAfter) > certificateRest:
		return had, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return had, fmt.Errorf("reading what this identity provider keeps: %w (remove the folder %s, and it makes another)", err, dir)
	}
	private, err := generate()
	if err != nil {
		return had, err
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: "Gatehouse's identity provider for development, " + name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(certificateLife)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		return had, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return had, err
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := errors.Join(write(keyFile, key, 0o600), write(certificateFile, certificate, 0o644)); err != nil {
		return had, err
	}
	return tls.X509KeyPair(certificate, key)
}

// write writes a file as a whole, or not at all.
func write(path string, text []byte, mode fs.FileMode) error {
	if err := os.WriteFile(path+".new", text, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
