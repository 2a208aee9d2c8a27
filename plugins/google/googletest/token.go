package googletest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Credentials are the file that the Google Cloud console gives for a key.
func (g *Workspace) Credentials() (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(g.key)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": Robot, "private_key_id": "key-1", "token_uri": g.tokenURI,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	return string(text), err
}

// Revoke makes all access tokens bad.
func (g *Workspace) Revoke() { clear(g.tokens) }

// token answers an assertion (RFC 7523), which it checks as Google does.
func (g *Workspace) token(w http.ResponseWriter, r *http.Request) {
	claims, err := g.claims(r)
	status, code := http.StatusOK, ""
	switch {
	case err != nil || claims["iss"] != Robot || claims["aud"] != g.tokenURI:
		status, code = http.StatusBadRequest, "invalid_grant"
	case g.Grant != nil:
		status, code = g.Grant(claims)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if status != http.StatusOK {
		_ = json.NewEncoder(w).Encode(Doc{"error": code, "error_description": "as it is"})
		return
	}
	g.Issued++
	token := fmt.Sprintf("ya29.%d", g.Issued)
	g.tokens[token] = true
	_ = json.NewEncoder(w).Encode(Doc{"access_token": token, "expires_in": 3599, "token_type": "Bearer"})
}

func (g *Workspace) claims(r *http.Request) (claims map[string]any, err error) {
	parts := strings.Split(r.FormValue("assertion"), ".")
	if r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || len(parts) != 3 {
		return nil, errors.New("no assertion")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&g.key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		return nil, err
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, err
	}
	issued, _ := claims["iat"].(float64)
	ends, _ := claims["exp"].(float64)
	now := float64(time.Now().Unix())
	if ends-issued > 3600 || issued > now || ends < now {
		return nil, fmt.Errorf("the assertion is good from %v to %v", issued, ends)
	}
	return claims, nil
}
