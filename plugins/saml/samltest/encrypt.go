package samltest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // RSAES-OAEP with SHA-1 is what IdPs send by default (XML Encryption §5.4.2)
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// Encryption encrypts an assertion to a service.
type Encryption struct {
	To   *rsa.PublicKey
	Data string // the algorithm of the content; "" is AES-256-GCM
	Key  string // that of the key; "" is RSA-OAEP with SHA-1 and MGF1

	// Ciphertext and Wrapped, if not nil, change what is sent.
	Ciphertext func([]byte) []byte
	Wrapped    func([]byte) []byte
}

// The algorithms of XML Encryption.
const (
	AES128CBC = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
	AES256CBC = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
	AES128GCM = "http://www.w3.org/2009/xmlenc11#aes128-gcm"
	AES192GCM = "http://www.w3.org/2009/xmlenc11#aes192-gcm"
	AES256GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
	OAEPMGF1P = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
	OAEP11    = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
	PKCS1     = "http://www.w3.org/2001/04/xmlenc#rsa-1_5"
)

// Assertion makes an EncryptedAssertion of an assertion.
func (e Encryption) Assertion(plaintext string) (string, error) {
	if e.Data == "" {
		e.Data = AES256GCM
	}
	if e.Key == "" {
		e.Key = OAEPMGF1P
	}
	key := make([]byte, map[string]int{AES128CBC: 16, AES128GCM: 16, AES192GCM: 24}[e.Data])
	if len(key) == 0 {
		key = make([]byte, 32)
	}
	if _, err := rand.Read(key); err != nil {
		return "", err
	}
	h := sha1.New() //nolint:gosec // see above
	digest := `<ds:DigestMethod xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/>`
	if e.Key == OAEP11 {
		h = sha256.New()
		digest = `<ds:DigestMethod xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>` +
			`<xenc11:MGF xmlns:xenc11="http://www.w3.org/2009/xmlenc11#" Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha256"/>`
	}
	wrapped, err := rsa.EncryptOAEP(h, rand.Reader, e.To, key, nil)
	if err != nil {
		return "", err
	}
	ciphertext, err := e.content(key, []byte(plaintext))
	if err != nil {
		return "", err
	}
	if e.Ciphertext != nil {
		ciphertext = e.Ciphertext(ciphertext)
	}
	if e.Wrapped != nil {
		wrapped = e.Wrapped(wrapped)
	}
	return fmt.Sprintf(`<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">`+
		`<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="%s"/>`+
		`<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="%s">%s</xenc:EncryptionMethod>`+
		`<xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>`+
		`<xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>`,
		e.Data, e.Key, digest, base64.StdEncoding.EncodeToString(wrapped), base64.StdEncoding.EncodeToString(ciphertext)), nil
}

func (e Encryption) content(key, plaintext []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if e.Data == AES128CBC || e.Data == AES256CBC {
		iv := make([]byte, aes.BlockSize)
		if _, err := rand.Read(iv); err != nil {
			return nil, err
		}
		pad := aes.BlockSize - len(plaintext)%aes.BlockSize // XML Encryption §5.2: only the last byte says anything
		padded := append(append([]byte{}, plaintext...), make([]byte, pad)...)
		padded[len(padded)-1] = byte(pad)
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(padded, padded)
		return append(iv, padded...), nil
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, gcm.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return gcm.Seal(nonce, nonce, plaintext, nil), nil
}
