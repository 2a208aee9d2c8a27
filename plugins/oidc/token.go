package oidc

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-id/gatehouse/plugins/oidc/internal/discovery"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// tokens are the answer of the token endpoint (OpenID Connect Core 1.0 §3.1.3.3).
type tokens struct{ access, id, refresh string }

// assertionLife is how long a client assertion is good for: one request.
const assertionLife = time.Minute

// tokenContext is a context in which golang.org/x/oauth2 makes its requests by the
// host.
func (c *client) tokenContext(ctx context.Context, d discovery.Document) context.Context {
	web := c.web(ctx, answerLimit)
	if c.TokenAuth == authKey {
		web.Transport = asserting{next: web.Transport, client: c, provider: d}
	}
	return context.WithValue(ctx, oauth2.HTTPClient, web)
}

// exchange trades a code for tokens.
func (c *client) exchange(ctx context.Context, d discovery.Document, e authn.Endpoints, code, verifier string) (tokens, error) {
	got, err := c.oauth(d, e).Exchange(c.tokenContext(ctx, d), code, oauth2.VerifierOption(verifier))
	if err != nil {
		return tokens{}, refused(err, d.TokenURL)
	}
	return read(got)
}

// renew trades a refresh token for newer ones (RFC 6749 §6).
func (c *client) renew(ctx context.Context, d discovery.Document, e authn.Endpoints, refresh string) (tokens, error) {
	got, err := c.oauth(d, e).TokenSource(c.tokenContext(ctx, d), &oauth2.Token{RefreshToken: refresh}).Token()
	if err != nil {
		return tokens{}, refused(err, d.TokenURL)
	}
	return read(got)
}

// read takes what is needed of an answer.
func read(got *oauth2.Token) (tokens, error) {
	if !strings.EqualFold(got.TokenType, "Bearer") { // RFC 6749 §5.1, Core §3.1.3.3
		return tokens{}, authn.Deny("token_type", "the access token is of the type %.40q, expected Bearer", printable(got.TokenType))
	}
	id, _ := got.Extra("id_token").(string)
	return tokens{access: got.AccessToken, id: id, refresh: got.RefreshToken}, nil
}

// refused makes of an error of the token endpoint a denial where the endpoint says
// what is wrong (RFC 6749 §5.2), and else an error: then nobody knows.
func refused(err error, where string) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		var web *url.Error
		if errors.As(err, &web) {
			return failed(web.Err, where)
		}
		return problem.Wrap(err, problem.BadUpstream, "%s answered with what are no tokens", where)
	}
	status := answer.Response.StatusCode
	if answer.ErrorCode == "" || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError {
		return problem.New(problem.Unavailable, "%s was answered with status %d", where, status)
	}
	return idpError(answer.ErrorCode, answer.ErrorDescription)
}

// idpError is an error of the provider as a denial: its code is the reason, and what
// it says of it is for the operator.
func idpError(code, description string) *authn.Denied {
	reason := "idp_" + strings.Trim(notInReason.ReplaceAllString(strings.ToLower(code), "_"), "_")
	return authn.Deny(reason[:min(len(reason), 64)], "the provider says: %.300s", printable(description))
}

// notInReason is what a reason has not.
var notInReason = regexp.MustCompile(`[^a-z0-9]+`)

// printable is a text of the provider as an operator may read it (RFC 6749 §5.2): what
// else stands in it is left out, and so is what is as long as a token.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	return long.ReplaceAllString(text, "(left out)")
}

// long is what may be a code or a token: no word of a language, and no GUID.
var long = regexp.MustCompile(`[A-Za-z0-9_.~+/=-]{40,}`)

// asserting adds the proof of who the client is to requests to the token endpoint (RFC
// 7523 §2.2), signed by the host.
type asserting struct {
	next     http.RoundTripper
	client   *client
	provider discovery.Document
}

// RoundTrip implements http.RoundTripper.
func (a asserting) RoundTrip(r *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, err
	}
	assertion, err := a.client.assertion(r.Context(), a.provider)
	if err != nil {
		return nil, err
	}
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", assertion)
	with, body := r.Clone(r.Context()), []byte(form.Encode())
	with.Body, with.ContentLength, with.GetBody = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	return a.next.RoundTrip(with)
}

// assertion is a JWT of ourselves for the token endpoint (Core §9). It names its key
// by its id and by its certificate, which Entra goes by.
func (c *client) assertion(ctx context.Context, d discovery.Document) (string, error) {
	keys, err := c.host.Keys(ctx, hostsvc.KeySign)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(keys, func(k hostsvc.PublicKey) bool { return k.Current })
	if at < 0 {
		return "", problem.New(problem.Internal, "the host has no key to sign with")
	}
	key, algorithm := keys[at], "RS256"
	if len(d.TokenAuthAlgs) > 0 && !slices.Contains(d.TokenAuthAlgs, "RS256") && slices.Contains(d.TokenAuthAlgs, "PS256") {
		algorithm = "PS256"
	}
	thumbprint := sha256.Sum256(key.Certificate.Raw)
	now := c.clock()
	signed := encoded(map[string]any{"alg": algorithm, "typ": "JWT", "kid": key.ID, "x5t#S256": base64.RawURLEncoding.EncodeToString(thumbprint[:])}) +
		"." + encoded(map[string]any{
		"iss": c.ClientID, "sub": c.ClientID, "aud": d.TokenURL, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	digest := sha256.Sum256([]byte(signed))
	signature, err := c.host.Sign(ctx, key.ID, algorithm, digest[:])
	if err != nil {
		return "", err
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func encoded(part map[string]any) string {
	text, _ := json.Marshal(part) // texts and numbers always encode
	return base64.RawURLEncoding.EncodeToString(text)
}
