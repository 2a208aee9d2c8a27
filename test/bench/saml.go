//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/host"
	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/plugintest"
)

// How many responses are verified in a run, by how many groups they name.
const (
	fewGroups, fewResponses   = 50, 400
	someGroups, someResponses = 2_000, 30
	mostGroups, mostResponses = 20_000, 6
)

// verifySAML measures what a response costs from the form that a browser posts to the
// identity that the host gets of the plugin, which is the real one in a process of its
// own: CPU of both ends of the call, and of the question whether the assertion counted
// before, which the host answers from memory here.
func (b *bench) verifySAML() (err error) {
	key, err := samltest.NewKey("bench")
	if err != nil {
		return err
	}
	done := false
	testing.Benchmark(func(tb *testing.B) { //nolint:thelper // it is no helper: what it measures is
		if done { // it is asked with larger numbers until a second is over
			return
		}
		done = true
		h := plugintest.Exec(tb, b.binary, host.PluginCommand, "saml")
		err = b.verifyWith(h, key)
	})
	return err
}

const samlInstance = "people/saml"

func (b *bench) verifyWith(h *plugintest.Harness, key samltest.Key) error {
	ctx := context.Background()
	const entity = "https://idp.example/metadata"
	ds, err := h.Configure(ctx, "saml", samlInstance, map[string]any{
		"metadata": samltest.Metadata(entity, "https://idp.example/sso", "", key), "metadata_refresh": "1h", "new_certificates": "overlap", "sign_requests": false,
		"require_encryption": false, "allow_sha1": false, "allow_cbc": false, "clock_skew": "3m", "max_size": 2 << 20, "logout": false,
	})
	if err != nil {
		return fmt.Errorf("configuring the plugin: %w", err)
	}
	if ds.HasErrors() {
		return fmt.Errorf("configuring the plugin: %v", ds)
	}
	endpoints := h.Endpoints(samlInstance)
	begun, err := h.Begin(ctx, samlInstance, authn.BeginRequest{Endpoints: endpoints, Relay: "R"})
	if err != nil {
		return err
	}
	sent, err := sentTo(begun)
	if err != nil {
		return err
	}
	message := samltest.Message{Issuer: entity, Recipient: endpoints.CompleteURL, Audience: endpoints.EntityID, InResponseTo: sent.Value("ID"), Key: key}
	complete := func(groups, n int) (each float64, sample []byte, err error) {
		requests := make([]authn.CompleteRequest, n)
		for i := range requests {
			m := message
			m.Attributes = memberOf(groups)
			text, err := m.XML()
			if err != nil {
				return 0, nil, err
			}
			sample = []byte(text)
			requests[i] = authn.CompleteRequest{Endpoints: endpoints, State: begun.State, Begun: time.Now(), Incoming: authn.Incoming{
				Method: "POST", ContentType: "application/x-www-form-urlencoded",
				Form: []authn.Field{{Name: "SAMLResponse", Value: base64.StdEncoding.EncodeToString([]byte(text))}, {Name: "RelayState", Value: "R"}},
			}}
		}
		each, err = cpuOf(n, func(i int) error {
			got, err := h.Complete(ctx, samlInstance, requests[i])
			if err == nil && len(got.Groups) != groups {
				err = fmt.Errorf("of %d groups %d were read", groups, len(got.Groups))
			}
			return err
		})
		return each, sample, err
	}
	if _, _, err := complete(fewGroups, fewResponses/4); err != nil { // to warm up
		return err
	}
	for range b.rounds {
		few, text, err := complete(fewGroups, fewResponses)
		if err != nil {
			return err
		}
		least, err := floorOfSAML(text, key)
		if err != nil {
			return err
		}
		b.signon.saml.add(few, least)
		some, _, err := complete(someGroups, someResponses)
		if err != nil {
			return err
		}
		most, _, err := complete(mostGroups, mostResponses)
		if err != nil {
			return err
		}
		b.signon.groups.add(most/mostGroups, some/someGroups)
	}
	return nil
}

func memberOf(groups int) []samltest.Attribute {
	list := make([]string, groups)
	for i := range list {
		list[i] = fmt.Sprintf("Group %d of the organization", i)
	}
	return []samltest.Attribute{{Name: "groups", Values: list}, {Name: "email", Values: []string{"ada@bench.example"}}}
}

// floorOfSAML is what nobody can do without: the same bytes are parsed once and hashed
// once, and a signature of RSA is verified once.
func floorOfSAML(message []byte, key samltest.Key) (float64, error) {
	sum := sha256.Sum256(message)
	signature, err := key.Private.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return 0, err
	}
	public, ok := key.Private.Public().(*rsa.PublicKey)
	if !ok {
		return 0, errors.New("the key is no RSA key")
	}
	return cpuOf(fewResponses, func(int) error {
		d := xml.NewDecoder(bytes.NewReader(message))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return err
			}
		}
		sum := sha256.Sum256(message)
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature)
	})
}

// cpuOf does something n times, and returns the CPU time in µs that one took this
// process and its children.
func cpuOf(n int, do func(i int) error) (float64, error) {
	before, err := cpuOfTree(os.Getpid())
	if err != nil {
		return 0, err
	}
	for i := range n {
		if err := do(i); err != nil {
			return 0, err
		}
	}
	after, err := cpuOfTree(os.Getpid())
	return micros(after-before) / float64(n), err
}
