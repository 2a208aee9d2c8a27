package pluginhost_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"github.com/gatehouse-id/gatehouse/sdk/hostsvc"
)

// ask asks a host service as a word and its arguments say.
func (s *signOn) ask(ctx context.Context, words []string, body []byte) (string, error) {
	host := s.config.Host
	arg := func(n int) string {
		if n < len(words) {
			return words[n]
		}
		return ""
	}
	number := func(n int) int64 {
		v, _ := strconv.ParseInt(arg(n), 10, 64)
		return v
	}
	switch words[0] {
	case "take":
		first, err := host.Take(ctx, arg(1), arg(2), time.Now().Add(time.Duration(number(3))*time.Millisecond))
		return fmt.Sprint(first), err
	case "load":
		blob, version, err := host.Load(ctx, arg(1))
		return fmt.Sprintf("%d %d %.20s", version, len(blob), blob), err
	case "save":
		now, err := host.Save(ctx, arg(1), body, number(2))
		return strconv.FormatInt(now, 10), err
	case "save-large":
		now, err := host.Save(ctx, "large", make([]byte, number(1)), 0)
		return strconv.FormatInt(now, 10), err
	case "keys":
		keys, err := host.Keys(ctx, hostsvc.KeyPurpose(number(1)))
		text := ""
		for _, k := range keys {
			text += fmt.Sprintf("%s %t %s;", k.ID, k.Current, k.Certificate.Subject.CommonName)
		}
		return text, err
	case "sign":
		digest := sha256.Sum256(body)
		signature, err := host.Sign(ctx, arg(1), arg(2), digest[:])
		return string(signature), err
	case "decrypt":
		plaintext, err := host.Decrypt(ctx, arg(1), rsa.OAEPOptions{Hash: crypto.SHA256, MGFHash: crypto.Hash(number(2)), Label: []byte("l")}, body)
		return string(plaintext), err
	case "keep": // the context, and with it the handle
		kept := context.WithoutCancel(ctx)
		s.kept.Store(&kept)
		return "kept", nil
	case "with-the-kept":
		return s.ask(*s.kept.Load(), words[1:], body)
	}
	return "", fmt.Errorf("there is no %q", words[0])
}
