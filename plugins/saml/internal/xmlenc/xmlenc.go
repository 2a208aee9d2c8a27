// Package xmlenc decrypts an assertion that was encrypted to us: XML Encryption 1.1.
// Lengths are checked before they are used, and whatever is wrong with a ciphertext
// is one and the same refusal.
package xmlenc

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"

	"github.com/beevik/etree"

	"github.com/gatehouse-id/gatehouse/plugins/saml/internal/tree"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// Key is one that something may be encrypted to.
type Key struct {
	ID          string
	Certificate *x509.Certificate
}

// Decrypter decrypts with private keys that are elsewhere.
type Decrypter struct {
	Keys   func(ctx context.Context) ([]Key, error) // asked only when there is something to decrypt
	CBC    bool                                     // content in the mode CBC is taken, where the message around it is signed
	Unwrap func(ctx context.Context, keyID string, o rsa.OAEPOptions, ciphertext []byte) ([]byte, error)
}

// Decrypt returns the plaintext of an EncryptedAssertion: SAML Core §2.3.4. Verified
// says that a signature covers it: only then may it be in a mode that does not
// notice changes, since anybody can have us decrypt what they like.
func (d Decrypter) Decrypt(ctx context.Context, e *etree.Element, verified bool) (plaintext []byte, weaknesses []string, err error) {
	data := tree.Only(e, tree.Encrypted, "EncryptedData")
	if data == nil {
		return nil, nil, authn.Deny("encryption_structure", "there is not one EncryptedData in the EncryptedAssertion")
	}
	content, known := contents(algorithmOf(data))
	switch {
	case !known:
		return nil, nil, authn.Deny("encryption_method", "the assertion is encrypted by %.100q, which is not taken", algorithmOf(data))
	case content.cbc && !d.CBC:
		return nil, nil, authn.Deny("cbc", "the assertion is encrypted in the mode CBC, which allow_cbc does not allow")
	case content.cbc && !verified:
		return nil, nil, authn.Deny("cbc", "the assertion is encrypted in the mode CBC, and the Response around it is not signed")
	}
	wrapped, err := encryptedKey(e, data)
	if err != nil {
		return nil, nil, err
	}
	o, err := oaep(wrapped)
	if err != nil {
		return nil, nil, err
	}
	ciphertext, err := value(data, 4<<20)
	if err != nil {
		return nil, nil, err
	}
	under, err := value(wrapped, 4<<10)
	if err != nil {
		return nil, nil, err
	}
	if len(ciphertext) < content.least || content.cbc && len(ciphertext)%aes.BlockSize != 0 {
		return nil, nil, failed() // before the private key has any work with it
	}
	key, err := d.unwrap(ctx, wrapped, o, under)
	if err != nil {
		return nil, nil, err
	}
	if len(key) != content.key {
		return nil, nil, failed()
	}
	if plaintext, err = content.open(key, ciphertext); err != nil {
		return nil, nil, failed()
	}
	if content.cbc {
		weaknesses = []string{"aes-cbc"}
	}
	return plaintext, weaknesses, nil
}

// failed is the one answer to a ciphertext that is not right.
func failed() error { return authn.Deny("decryption", "the assertion cannot be decrypted") }

func algorithmOf(e *etree.Element) string {
	if m := tree.Only(e, tree.Encrypted, "EncryptionMethod"); m != nil {
		return tree.Value(m, "Algorithm")
	}
	return ""
}

// encryptedKey finds the one key that the content is encrypted with: beside the
// content, or within its KeyInfo (SAML Core §6.1, XML Encryption §3.5).
func encryptedKey(e, data *etree.Element) (*etree.Element, error) {
	found := tree.Children(e, tree.Encrypted, "EncryptedKey")
	for _, info := range tree.Children(data, tree.Signature, "KeyInfo") {
		found = append(found, tree.Children(info, tree.Encrypted, "EncryptedKey")...)
	}
	if len(found) != 1 {
		return nil, authn.Deny("encryption_structure", "there are %d encrypted keys, and not one", len(found))
	}
	return found[0], nil
}

// oaep reads how a key is encrypted: XML Encryption 1.1 §5.5. PKCS #1 v1.5 is not
// taken: it tells an attacker too much.
func oaep(wrapped *etree.Element) (o rsa.OAEPOptions, err error) {
	o.Hash, o.MGFHash = crypto.SHA1, crypto.SHA1
	algorithm := algorithmOf(wrapped)
	if algorithm != "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p" && algorithm != "http://www.w3.org/2009/xmlenc11#rsa-oaep" {
		return o, authn.Deny("encryption_method", "the key is encrypted by %.100q, which is not taken", algorithm)
	}
	m := tree.Only(wrapped, tree.Encrypted, "EncryptionMethod")
	known := true
	for _, c := range m.ChildElements() {
		named := tree.Value(c, "Algorithm")
		switch {
		case tree.Is(c, tree.Signature, "DigestMethod"):
			o.Hash, known = digest(named)
		case c.Tag == "MGF" && algorithm != "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p":
			o.MGFHash, known = mask(named)
		case c.Tag == "OAEPparams":
			text, _ := tree.Text(c)
			if o.Label, err = decode(text); err != nil || len(o.Label) > 256 {
				return o, authn.Deny("encryption_structure", "the OAEPparams are no base64, or too long")
			}
		default:
			known = false
		}
		if !known {
			return o, authn.Deny("encryption_method", "the key is encrypted with %.50q %.100q, which is not taken", c.Tag, named)
		}
	}
	return o, nil
}

func digest(algorithm string) (crypto.Hash, bool) {
	switch algorithm {
	case "http://www.w3.org/2000/09/xmldsig#sha1":
		return crypto.SHA1, true
	case "http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha256": // the second is nobody's, and some send it
		return crypto.SHA256, true
	case "http://www.w3.org/2001/04/xmldsig-more#sha384":
		return crypto.SHA384, true
	case "http://www.w3.org/2001/04/xmlenc#sha512":
		return crypto.SHA512, true
	}
	return 0, false
}

func mask(algorithm string) (crypto.Hash, bool) {
	switch strings.TrimPrefix(algorithm, "http://www.w3.org/2009/xmlenc11#") {
	case "mgf1sha1":
		return crypto.SHA1, true
	case "mgf1sha256":
		return crypto.SHA256, true
	case "mgf1sha384":
		return crypto.SHA384, true
	case "mgf1sha512":
		return crypto.SHA512, true
	}
	return 0, false
}

// value is the ciphertext within an element.
func value(e *etree.Element, most int) ([]byte, error) {
	if data := tree.Only(e, tree.Encrypted, "CipherData"); data != nil {
		if v := tree.Only(data, tree.Encrypted, "CipherValue"); v != nil {
			if text, ok := tree.Text(v); ok && len(text) <= most {
				if out, err := decode(text); err == nil && len(out) > 0 {
					return out, nil
				}
			}
		}
	}
	return nil, authn.Deny("encryption_structure", "the ciphertext of %s is missing, no base64 or too long", e.Tag)
}

func decode(text string) ([]byte, error) {
	return base64.StdEncoding.Strict().DecodeString(strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(text))
}

// unwrap asks for the content's key with each of ours that it may be encrypted to:
// that which it names, else all of them, of which there are two at most.
func (d Decrypter) unwrap(ctx context.Context, wrapped *etree.Element, o rsa.OAEPOptions, ciphertext []byte) ([]byte, error) {
	keys, err := d.Keys(ctx)
	if err != nil {
		return nil, err
	}
	named := ""
	for _, c := range wrapped.FindElements("./KeyInfo/X509Data/X509Certificate") {
		text, _ := tree.Text(c)
		der, _ := decode(text) // one that is none names nothing
		for _, k := range keys {
			if string(k.Certificate.Raw) == string(der) {
				named = k.ID
			}
		}
	}
	for _, k := range keys {
		if size := k.Certificate.PublicKey.(*rsa.PublicKey).Size(); named != "" && named != k.ID || len(ciphertext) != size {
			continue
		}
		switch key, err := d.Unwrap(ctx, k.ID, o, ciphertext); {
		case err == nil:
			return key, nil
		case !problem.Is(err, problem.Invalid):
			return nil, err // nobody knows
		}
	}
	return nil, failed()
}

// content is how something is encrypted.
type content struct {
	key, least int // bytes
	cbc        bool
}

// contents are the algorithms that are taken: XML Encryption 1.1 §5.2. Triple DES is
// not.
func contents(algorithm string) (content, bool) {
	const (
		old      = "http://www.w3.org/2001/04/xmlenc#"
		newer    = "http://www.w3.org/2009/xmlenc11#"
		leastGCM = 12 + 16 // nonce and tag
		leastCBC = 2 * aes.BlockSize
	)
	switch algorithm {
	case newer + "aes128-gcm":
		return content{key: 16, least: leastGCM}, true
	case newer + "aes192-gcm":
		return content{key: 24, least: leastGCM}, true
	case newer + "aes256-gcm":
		return content{key: 32, least: leastGCM}, true
	case old + "aes128-cbc":
		return content{key: 16, least: leastCBC, cbc: true}, true
	case old + "aes192-cbc":
		return content{key: 24, least: leastCBC, cbc: true}, true
	case old + "aes256-cbc":
		return content{key: 32, least: leastCBC, cbc: true}, true
	}
	return content{}, false
}

func (c content) open(key, ciphertext []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if !c.cbc {
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		return gcm.Open(nil, ciphertext[:gcm.NonceSize()], ciphertext[gcm.NonceSize():], nil)
	}
	out := make([]byte, len(ciphertext)-aes.BlockSize)
	cipher.NewCBCDecrypter(block, ciphertext[:aes.BlockSize]).CryptBlocks(out, ciphertext[aes.BlockSize:])
	pad := int(out[len(out)-1]) // only the last byte of the padding says anything: §5.2
	if pad < 1 || pad > aes.BlockSize {
		return nil, failed()
	}
	return out[:len(out)-pad], nil
}
